import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTraining

/// A request to start a training, or to resume a run.
struct TrainingRequest: Decodable, Sendable {
    /// Name of the run.
    let run: String
    /// Name of the configuration file that it begins with; nil for all defaults.
    var configuration: String?
    /// Values that override those of the configuration, by key.
    var keys: [String: String]?
    var resume: Bool?

    /// What is run for it.
    struct Plan: Sendable {
        let run: String
        let arguments: [String]
        let configuration: Configuration
    }

    /// - Throws: `StudioFailure` or `PixNerdError` if a name or a value is not valid.
    func plan(_ options: StudioOptions, _ runs: RunList) throws -> Plan {
        guard Self.isName(run) else {
            throw StudioFailure.invalid(
                "run is '\(run.prefix(60))'; expected a name of letters, digits, '.', '_' and '-'.", parameter: "run")
        }
        guard keys?["name"] == nil, keys?["directory"] == nil else {
            throw StudioFailure.invalid("The name of the run is given by run; leave the key out.", parameter: "keys")
        }
        let isResumed = resume == true
        let file: String?
        if isResumed {
            file = try runs.run(named: run).run.configurationPath
        } else {
            file = try configuration.map { try ConfigurationFiles(options).path(of: $0) }
        }
        var assignments = (keys ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        assignments += ["name=\(run)", "directory=\(options.checkpoints)"]
        let whole =
            try file.map { try Configuration(yaml: $0, settings: assignments) }
            ?? Configuration(text: "", origin: "configuration", settings: assignments)
        try Trainer.check(whole)
        if !isResumed, FileManager.default.fileExists(atPath: "\(options.checkpoints)/\(run)") {
            throw StudioFailure(
                .conflict, "There is a run '\(run)' already; resume it, or give the new one another name.",
                code: "exists")
        }
        let path = try file ?? RunFiles(options).emptyConfiguration()
        return Plan(
            run: run, arguments: options.program.training(path, assignments, isResumed), configuration: whole)
    }

    private static func isName(_ text: String) -> Bool {
        (1...100).contains(text.utf8.count) && !text.hasPrefix(".") && !text.hasPrefix("-")
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// A key of configurations, as the form shows it.
struct KeyEntry: Encodable, Sendable {
    let key: String
    let `default`: String
    let expects: String
    let help: String

    static var all: [KeyEntry] {
        let defaults = Configuration()
        return Configuration.keys.map {
            KeyEntry(key: $0.name, default: $0.read(defaults), expects: $0.expectation, help: $0.help)
        }
    }
}

/// A value of a configuration.
struct KeyValue: Encodable, Sendable {
    let key: String
    let value: String

    /// The values that differ from the defaults, or all.
    static func values(_ configuration: Configuration, changedOnly: Bool) -> [KeyValue] {
        let defaults = Configuration()
        return Configuration.keys.compactMap { key in
            let value = key.read(configuration)
            return changedOnly && value == key.read(defaults) ? nil : KeyValue(key: key.name, value: value)
        }
    }
}

/// The configurations of a folder.
struct ConfigurationFiles: Sendable {
    struct Entry: Encodable, Sendable {
        let id: String
        let name: String
        let text: String
        let keys: [KeyValue]
    }

    private let folder: String

    init(_ options: StudioOptions) { folder = options.configurations }

    private var names: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { ["yaml", "yml"].contains(fileExtension($0)) && !$0.hasPrefix(".") }.sorted()
    }

    /// Path of a configuration.
    ///
    /// - Throws: `StudioFailure` if there is none of that name.
    func path(of id: String) throws -> String {
        guard names.contains(id) else {
            throw StudioFailure.notFound(
                "There is no configuration '\(id.prefix(60))'; there are \(listed(names.prefix(12), of: names.count)).")
        }
        return "\(folder)/\(id)"
    }

    /// All that can be read. Those of comparisons have other keys and are left out.
    func entries() -> [Entry] {
        names.compactMap { name in
            guard let data = FileManager.default.contents(atPath: "\(folder)/\(name)"),
                let text = String(data: data, encoding: .utf8),
                let configuration = try? Configuration(text: text, origin: name)
            else { return nil }
            return Entry(
                id: name, name: configuration.name, text: text,
                keys: KeyValue.values(configuration, changedOnly: true))
        }
    }
}

/// What the studio keeps beside runs, in a hidden folder.
struct RunFiles: Sendable {
    let folder: String

    init(_ options: StudioOptions) { folder = "\(options.checkpoints)/.studio" }

    var gallery: String { "\(folder)/pictures" }
    var inputs: String { "\(folder)/inputs" }

    /// Path of the file with what the trainings of a run printed, in an existing folder.
    func log(of run: String) throws -> String {
        try makeFolder("\(folder)/logs")
        return "\(folder)/logs/\(run).log"
    }

    /// A configuration that sets nothing.
    func emptyConfiguration() throws -> String {
        try makeFolder(folder)
        let path = "\(folder)/empty.yaml"
        try AtomicFile.write(Data("# All defaults.\n".utf8), to: path)
        return path
    }
}
