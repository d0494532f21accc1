import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// The outcome of a command.
struct Outcome {
    let status: Int32
    /// Whether the command exited by itself, and not by a signal such as that of a crash.
    let isExit: Bool
    let output: String
    let errors: String
}

/// A temporary directory in which a test runs `pixnerd` as a user would.
struct Workplace {
    let directory: String

    static func with<R>(_ body: (Workplace) throws -> R) throws -> R {
        try withTemporaryDirectory { try body(Workplace(directory: $0)) }
    }

    func path(_ name: String) -> String { "\(directory)/\(name)" }

    func write(_ text: String, to name: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    func makeFolder(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    func names(in folder: String = "") throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
    }

    func pictureNames(in folder: String) throws -> [String] { try names(in: folder).filter { $0.hasSuffix(".png") } }

    /// The built program, in the folder of the tests.
    private static let executable: String? = {
        let tests = [
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"), CommandLine.arguments.first,
            Bundle.main.executablePath,
        ]
        return tests.compactMap { $0 }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent().appendingPathComponent("pixnerd").path
        }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }()

    /// The path of `pixnerd`.
    static func program() throws -> String { try #require(executable, "pixnerd is not beside the tests") }

    /// Starts a command in the directory; its output goes to files there, named after `name`.
    ///
    /// - Parameters:
    ///   - program: path of the program; nil for `pixnerd`.
    ///   - environment: variables in addition to those of the tests.
    func start(
        _ name: String, _ arguments: [String], program: String? = nil, environment: [String: String] = [:]
    ) throws -> Process {
        let process = Process()
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.executableURL = URL(fileURLWithPath: try program ?? Self.program())
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.standardInput = FileHandle.nullDevice
        for stream in ["out", "err"] {
            try write("", to: "\(name).\(stream)")
        }
        process.standardOutput = FileHandle(forWritingAtPath: path("\(name).out"))
        process.standardError = FileHandle(forWritingAtPath: path("\(name).err"))
        try process.run()
        return process
    }

    /// Waits for a command to end.
    func finish(_ name: String, _ process: Process) throws -> Outcome {
        process.waitUntilExit()
        func take(_ stream: String) throws -> String {
            defer { try? FileManager.default.removeItem(atPath: path("\(name).\(stream)")) }
            return try String(contentsOfFile: path("\(name).\(stream)"), encoding: .utf8)
        }
        return Outcome(
            status: process.terminationStatus, isExit: process.terminationReason == .exit, output: try take("out"),
            errors: Self.withoutRemark(try take("err")))
    }

    /// The errors without the warning about slow kernels, which each command prints if the tests themselves run with
    /// slow kernels. (`MatrixLibraryTests` sets Prescott.)
    private static func withoutRemark(_ errors: String) -> String {
        let own = ProcessInfo.processInfo.environment["OPENBLAS_CORETYPE"] ?? ""
        guard own != "Prescott" else { return errors }
        return errors.split(separator: "\n", omittingEmptySubsequences: false)
            .filter { !$0.hasPrefix("warning: OPENBLAS_CORETYPE=\(own) makes ") }.joined(separator: "\n")
    }

    /// Runs a command to its end.
    func run(_ arguments: String...) throws -> Outcome { try run(arguments) }

    func run(_ arguments: [String]) throws -> Outcome {
        let name = "command"
        return try finish(name, start(name, arguments))
    }

    /// Runs a command that must succeed.
    @discardableResult
    func succeed(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws -> Outcome {
        try succeed(arguments, sourceLocation: sourceLocation)
    }

    @discardableResult
    func succeed(_ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation) throws -> Outcome {
        let outcome = try run(arguments)
        #expect(
            outcome.isExit && outcome.status == 0, "\(arguments) failed: \(outcome.errors)",
            sourceLocation: sourceLocation)
        return outcome
    }

    /// Runs a command that must fail, with one sentence on standard error that contains `needed`. Usage lines, which
    /// follow wrong arguments, do not count.
    func refuse(
        _ arguments: String..., naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try refuse(arguments, naming: needed, sourceLocation: sourceLocation)
    }

    func refuse(
        _ arguments: [String], naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let outcome = try run(arguments)
        #expect(outcome.isExit, "it crashed: \(outcome.errors.prefix(500))", sourceLocation: sourceLocation)
        #expect(outcome.status != 0, "it succeeded: \(outcome.output)", sourceLocation: sourceLocation)
        #expect(outcome.output == "", sourceLocation: sourceLocation)
        let lines = outcome.errors.split(separator: "\n").filter { line in
            !line.hasPrefix("Usage: ") && !line.hasPrefix("  See 'pixnerd ") && !line.hasPrefix("Help:  ")
        }
        #expect(lines.count == 1, "\(outcome.errors.prefix(500))", sourceLocation: sourceLocation)
        let prefix = "Error: "
        #expect(lines.first?.hasPrefix(prefix) == true, sourceLocation: sourceLocation)
        expectSentence(
            String((lines.first ?? "").dropFirst(prefix.count)), naming: needed, sourceLocation: sourceLocation)
    }
}

/// The configuration of a model with some thousand parameters, for the images of `makeShapes`.
let tinyConfiguration = """
    name: tiny
    directory: runs
    seed: 3
    model:
      hidden_size: 16
      num_groups: 2
      num_blocks: 3
      num_cond_blocks: 2
      hidden_size_x: 8
    data:
      root: shapes
      image_size: 16
    training:
      steps: 3
      batch_size: 4
      learning_rate: 1.0e-3
      log_every: 1
      save_every: 2
      preview_every: 0
    """

extension Workplace {
    /// Makes the folder `shapes` and the configuration `tiny.yaml`.
    func prepareTraining() throws {
        try succeed("dataset", "shapes", "--out", "shapes", "--per-class", "3", "--size", "16")
        try write(tinyConfiguration, to: "tiny.yaml")
    }

    /// Trains the run `runs/tiny` of three steps.
    func train() throws {
        try prepareTraining()
        try succeed("train", "tiny.yaml")
    }
}

/// Inception with weights by a formula, 95 MB.
func writeInception(to path: String) throws {
    let shapes = try ParameterStore.build(.initialize(seed: 0)) { scope in
        _ = Inception(scope)
        return scope.parameters.map { (name: $0.name, shape: $0.value.shape) }
    }
    let weights = FormulaWeights(shapes)
    try SafetensorsWriter.write(try weights.names.map { ($0, try weights.tensor($0)) }, to: path)
}
