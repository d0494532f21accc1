import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import Testing

/// Open MPI's launcher, where it is installed.
let mpirun = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map { "\($0)/mpirun" }
    .first { FileManager.default.isExecutableFile(atPath: $0) }

extension Workplace {
    /// Runs `pixnerd` in as many processes as there are lists of arguments.
    func runRanks(_ ranks: [[String]]) throws -> Outcome {
        try end(startRanks(ranks))
    }

    /// Waits for a launcher to end, and ends it where it does not.
    func end(_ process: Process) throws -> Outcome {
        for _ in 0..<60_000 where process.isRunning { usleep(2000) }
        if process.isRunning {
            Issue.record("the processes go on")
            // With everything that it has started.
            kill(process.processIdentifier, SIGTERM)
        }
        return try finish("ranks", process)
    }

    func startRanks(_ ranks: [[String]]) throws -> Process {
        let program = try Workplace.program()
        let parts = ranks.map { ["-n", "1", program] + $0 }.joined(separator: [":"])
        return try launch(Array(parts))
    }

    func launch(_ arguments: [String]) throws -> Process {
        // Signals that these tests' own launcher has left blocked would not come to mpirun.
        try start(
            "ranks", ["--default-signal=USR1,TERM", try #require(mpirun), "--oversubscribe"] + arguments,
            program: "/usr/bin/env",
            environment: ["OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"])
    }

    @discardableResult
    func succeed(ranks: Int, _ arguments: [String]) throws -> Outcome {
        let outcome = try runRanks([[String]](repeating: arguments, count: ranks))
        #expect(outcome.isExit && outcome.status == 0, "\(arguments) failed: \(outcome.errors)")
        return outcome
    }

    /// Processes that must be refused.
    func refuse(ranks: [[String]], naming needed: [String]) throws {
        try refuse(startRanks(ranks), naming: needed)
    }

    /// Processes that must be refused: with one sentence of the program that holds `needed`, beside what mpirun says.
    func refuse(_ process: Process, naming needed: [String]) throws {
        let outcome = try end(process)
        #expect(outcome.status != 0, "it succeeded: \(outcome.output)")
        let own = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("Error: ") }
        #expect(own.count == 1, "\(outcome.errors.prefix(2000))")
        for text in needed { #expect(own.first?.contains(text) == true, "\(own.first ?? "")") }
    }

    func tensors(_ name: String) throws -> [(name: String, tensor: Tensor)] {
        let file = try SafetensorsFile(path: path(name))
        return try file.names.map { ($0, try file.tensor($0)) }
    }

    func losses(_ run: String) throws -> [Double] {
        let lines = try String(contentsOfFile: path("runs/\(run)/metrics.jsonl"), encoding: .utf8)
        return lines.matches(of: /"loss":([-0-9.e]+)/).compactMap { Double($0.1) }
    }
}
