import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTraining

/// One of the pipelines that are compared.
public struct Pipeline: Sendable {
    public let name: String
    /// Training configuration of the denoiser, in the comparison's directory; for an existing run, its own
    /// `config.yaml`.
    public var configuration: Configuration
    /// Training configuration of the autoencoder that is trained first; nil if there is none.
    public var autoencoder: Configuration?
    /// Whether the pipeline uses an existing, finished run.
    public let isTaken: Bool

    /// Directory of the run.
    public var run: RunDirectory { RunDirectory(existing: configuration.runPath) }
}

/// Configuration of a comparison.
///
/// The YAML file holds `name`, `directory`, and the section `evaluation` (see `ComparisonSettings`); `shared`, with the
/// keys of `pixnerd train`; and `pipelines`, with a section for each pipeline that holds the keys it changes, or `run`,
/// the directory of a finished run. A pipeline's `autoencoder` holds the keys of an autoencoder run, which is trained
/// first.
public struct ComparisonConfiguration: Sendable {
    public let settings: ComparisonSettings
    public let pipelines: [Pipeline]

    private static let sections = ["name", "directory", "shared", "pipelines", "evaluation"]
    /// Prefixes of the shared keys that also apply to a pipeline's autoencoder.
    private static let sharedWithAutoencoder = ["data.", "seed", "threads"]

    /// Reads a YAML file, then applies overrides of the form `key=value`.
    ///
    /// - Parameter assigned: overrides of the comparison's keys, or of keys of `pixnerd train` for all pipelines.
    /// - Throws: `PixNerdError` naming file, line and key.
    public init(yaml path: String, settings assigned: [String] = []) throws {
        try self.init(text: ConfigurationAssignment.text(ofFile: path), origin: path, settings: assigned)
    }

    /// Reads YAML text, then applies overrides of the form `key=value`.
    ///
    /// - Parameters:
    ///   - origin: the name of the text in messages.
    ///   - assigned: overrides of the comparison's keys, or of keys of `pixnerd train` for all pipelines.
    /// - Throws: `PixNerdError` naming file, line and key.
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
            throw PixNerdError(
                .invalidValue, "\(assignment.place):", found: "there is no pipeline \(name)",
                expected: "one of \(names.joined(separator: ", "))")
        }
        guard names.count >= 2 else {
            throw PixNerdError(
                .invalidValue, "\(origin)", found: "has \(names.count) pipelines",
                expected: "at least 2, each a section of pipelines")
        }
        pipelines = try names.map { name in
            guard name.wholeMatch(of: /[A-Za-z0-9_-]+/) != nil else {
                throw PixNerdError(
                    .invalidValue, "\(origin):", found: "'\(name)' is not a valid name for a pipeline",
                    expected: "only letters, digits, - and _")
            }
            return try Self.pipeline(
                name, directory: runs, shared: file.compactMap { $0.inside("shared") },
                own: file.compactMap { $0.inside("pipelines.\(name)") },
                wins: wins.compactMap { $0.inside("shared") } + wins.compactMap { $0.inside("pipelines.\(name)") })
        }
    }

    /// An override of a key of the comparison itself, or else of a key that all pipelines share.
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
        throw PixNerdError(
            .invalidValue, "\(assignment.place):", found: "there is no key \(section)",
            advice: "did you mean \(nearest)?")
    }

    /// Checks that a key that names a section has no value.
    private static func expectKeys(_ assignment: ConfigurationAssignment) throws {
        let isSection =
            ["shared", "pipelines"].contains(assignment.key)
            || assignment.inside("pipelines").map { !$0.key.contains(".") } == true
        guard !isSection || assignment.form == .nothing else {
            throw PixNerdError(
                .invalidValue, "\(assignment.place):", found: "\(assignment.key) is a section", advice: "set keys in it"
            )
        }
    }

    private static func pipeline(
        _ name: String, directory: String, shared: [ConfigurationAssignment], own: [ConfigurationAssignment],
        wins: [ConfigurationAssignment]
    ) throws -> Pipeline {
        let isAutoencoders = { (assignment: ConfigurationAssignment) in assignment.inside("autoencoder") != nil }
        if let run = (own + wins).last(where: { $0.key == "run" }) {
            if let other = own.first(where: { $0.key != "run" }) {
                throw PixNerdError(
                    .invalidValue, "\(other.place):",
                    found: "the pipeline \(name) uses the run \(run.text), which has its own configuration",
                    advice: "remove \(other.key), or run")
            }
            return try taken(name, run)
        }
        func configured(_ name: String, _ values: [ConfigurationAssignment]) throws -> Configuration {
            // Previews would add to the peak memory of training.
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
        let run = RunDirectory(existing: try assignment.path())
        guard let last = run.savedSteps.last else {
            throw PixNerdError(
                .notFound, "\(assignment.place):",
                found: "the pipeline \(name) uses the run \(run.path), which has no saved step")
        }
        var configuration = try Configuration(yaml: run.configurationPath)
        guard configuration.kind == .denoiser else {
            throw PixNerdError(
                .mismatch, "\(assignment.place):",
                found: "the pipeline \(name) uses the run \(run.path), which is of an autoencoder",
                advice: "set it as latent.vae of a pipeline")
        }
        let path = run.path.hasSuffix("/") ? String(run.path.dropLast()) : run.path
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        configuration.name = parts.last.map(String.init) ?? ""
        configuration.directory = parts.count > 1 ? parts.dropLast().joined(separator: "/") : "."
        // The step that it was trained to, whatever its configuration asked for.
        configuration.training.steps = last
        return Pipeline(name: name, configuration: configuration, autoencoder: nil, isTaken: true)
    }
}
