import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTraining

/// One side of a comparison.
public struct Pipeline: Sendable {
    public let name: String
    /// What it is trained by, in the comparison's directory; of a run that is taken what its `config.yaml` says.
    public var configuration: Configuration
    /// Of the autoencoder that is trained first, where there is one.
    public var autoencoder: Configuration?
    /// Whether a finished run is taken.
    public let isTaken: Bool

    /// The run's directory.
    public var run: RunDirectory { RunDirectory(existing: configuration.runPath) }
}

/// Everything that a comparison is asked for.
///
/// Its YAML holds `name`, `directory` and the section `evaluation` (see `ComparisonSettings`); `shared`, with the keys of
/// `pixnerd train`; and `pipelines`, a section for each pipeline with the keys that it changes, or with `run`, the
/// directory of a finished run. A pipeline's `autoencoder` holds the keys of a run of that kind, which is trained first.
public struct ComparisonConfiguration: Sendable {
    public let settings: ComparisonSettings
    public let pipelines: [Pipeline]

    private static let sections = ["name", "directory", "shared", "pipelines", "evaluation"]
    /// What a pipeline's autoencoder has in common with everything else.
    private static let sharedWithAutoencoder = ["data.", "seed", "threads"]

    /// Reads a YAML file, and then values of the form `key=value`, which win.
    ///
    /// - Parameter assigned: keys of the comparison, or of `pixnerd train` for all pipelines.
    /// - Throws: `ConfigurationError` naming file, line and key.
    public init(yaml path: String, settings assigned: [String] = []) throws {
        try self.init(text: ConfigurationAssignment.text(ofFile: path), origin: path, settings: assigned)
    }

    /// Reads YAML text.
    ///
    /// - Parameter origin: what the text is called in messages.
    public init(text: String, origin: String, settings assigned: [String] = []) throws {
        let file = try ConfigurationAssignment.all(in: text, origin: origin)
        let wins = try assigned.map(Self.assignment)
        for assignment in file + wins { try Self.expectSection(assignment) }
        let all = file + wins
        var settings = ComparisonSettings()
        for assignment in all where !["shared", "pipelines"].contains(Self.section(of: assignment)) {
            try settings.apply(assignment)
        }
        self.settings = settings
        let runs = "\(settings.path)/runs"
        var names: [String] = []
        for assignment in file {
            guard let name = assignment.inside("pipelines")?.key.split(separator: ".").first.map(String.init),
                !names.contains(name)
            else { continue }
            names.append(name)
        }
        for assignment in wins {
            guard let name = assignment.inside("pipelines")?.key.split(separator: ".").first.map(String.init),
                !names.contains(name)
            else { continue }
            throw ConfigurationError(
                "--set: there is no pipeline \(name); \(origin) has \(names.joined(separator: ", ")).")
        }
        guard names.count >= 2 else {
            throw ConfigurationError(
                "\(origin) names \(names.count) pipelines; at least 2 are compared, each a section in pipelines.")
        }
        pipelines = try names.map { name in
            guard name.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil else {
                throw ConfigurationError(
                    "\(origin): the pipeline's name '\(name)' holds something else than letters, digits, - and _.")
            }
            return try Self.pipeline(
                name, directory: runs, shared: file.compactMap { $0.inside("shared") },
                own: file.compactMap { $0.inside("pipelines.\(name)") },
                wins: wins.compactMap { $0.inside("shared") } + wins.compactMap { $0.inside("pipelines.\(name)") })
        }
    }

    /// A value of the command line: of the comparison itself, or else of what all pipelines share.
    private static func assignment(_ setting: String) throws -> ConfigurationAssignment {
        var assignment = try ConfigurationAssignment(setting: setting)
        if !sections.contains(section(of: assignment)) { assignment.key = "shared.\(assignment.key)" }
        return assignment
    }

    private static func section(of assignment: ConfigurationAssignment) -> String {
        assignment.key.split(separator: ".", omittingEmptySubsequences: false).first.map(String.init) ?? ""
    }

    private static func expectSection(_ assignment: ConfigurationAssignment) throws {
        let section = section(of: assignment)
        guard !sections.contains(section) else { return try expectKeys(assignment) }
        let nearest = sections.min { editDistance(section, $0) < editDistance(section, $1) } ?? ""
        throw ConfigurationError("\(assignment.place): there is no key \(section); did you mean \(nearest)?")
    }

    /// That what must hold keys does.
    private static func expectKeys(_ assignment: ConfigurationAssignment) throws {
        let isSection =
            ["shared", "pipelines"].contains(assignment.key)
            || assignment.inside("pipelines").map { !$0.key.contains(".") } == true
        guard !isSection || assignment.form == .nothing else {
            throw ConfigurationError("\(assignment.place): \(assignment.key) is a section; set keys in it.")
        }
    }

    private static func pipeline(
        _ name: String, directory: String, shared: [ConfigurationAssignment], own: [ConfigurationAssignment],
        wins: [ConfigurationAssignment]
    ) throws -> Pipeline {
        let isAutoencoders = { (assignment: ConfigurationAssignment) in assignment.inside("autoencoder") != nil }
        if let run = (own + wins).last(where: { $0.key == "run" }) {
            if let other = own.first(where: { $0.key != "run" }) {
                throw ConfigurationError(
                    "\(other.place): the pipeline \(name) takes the run \(run.text), which has a configuration of its own; "
                        + "leave \(other.key) out, or run.")
            }
            return try taken(name, run)
        }
        func configured(_ name: String, _ values: [ConfigurationAssignment]) throws -> Configuration {
            // Previews would count for the memory that training takes.
            let first = ConfigurationAssignment(key: "training.preview_every", text: "0", place: "")
            var configuration = try Configuration([first] + values)
            (configuration.name, configuration.directory) = (name, directory)
            return configuration
        }
        var configuration = try configured(name, (shared + own + wins).filter { !isAutoencoders($0) })
        var autoencoder: Configuration?
        let values = (own + wins).compactMap { $0.inside("autoencoder") }
        if !values.isEmpty {
            let common = (shared + wins.filter { !isAutoencoders($0) }).filter { assignment in
                sharedWithAutoencoder.contains { assignment.key.hasPrefix($0) }
            }
            autoencoder = try configured("\(name)-autoencoder", common + values)
            autoencoder?.kind = .autoencoder
            if let path = autoencoder?.runPath { configuration.latent.autoencoder = path }
        }
        return Pipeline(name: name, configuration: configuration, autoencoder: autoencoder, isTaken: false)
    }

    private static func taken(_ name: String, _ assignment: ConfigurationAssignment) throws -> Pipeline {
        let run = RunDirectory(existing: assignment.text)
        guard let last = run.savedSteps.last else {
            throw ConfigurationError(
                "\(assignment.place): the pipeline \(name) takes the run \(run.path), which has no saved step.")
        }
        var configuration = try Configuration(yaml: run.configurationPath)
        guard configuration.kind == .denoiser else {
            throw ConfigurationError(
                "\(assignment.place): the pipeline \(name) takes the run \(run.path), which is of an autoencoder; name it as "
                    + "latent.vae of a pipeline.")
        }
        let path = run.path.hasSuffix("/") ? String(run.path.dropLast()) : run.path
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        configuration.name = parts.last.map(String.init) ?? ""
        configuration.directory = parts.count > 1 ? parts.dropLast().joined(separator: "/") : "."
        // What it was trained to, whatever was asked for.
        configuration.training.steps = last
        return Pipeline(name: name, configuration: configuration, autoencoder: nil, isTaken: true)
    }
}
