import ArgumentParser
import Communication
import Foundation
import Logging

@main
struct PixNerdCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pixnerd",
        abstract: "Trains and samples PixNerd: diffusion in pixels, on CPUs.",
        discussion: """
            A first run, from nothing to pictures:

              pixnerd dataset shapes --out datasets/shapes
              pixnerd train configs/shapes.yaml
              pixnerd sample checkpoints/shapes --out shapes.png
            """,
        version: "0.1.0",
        subcommands: [
            TrainCommand.self, SampleCommand.self, EvaluateCommand.self, CompareCommand.self, VerifyCommand.self,
            ConvertCommand.self, InfoCommand.self, EncodeCommand.self, VaeCommand.self, DatasetCommand.self,
            BenchCommand.self,
        ])

    static func main() {
        var command = RankedEnd.onlyRankZeroShows { try parsed() }
        do {
            try command.run()
            RankedEnd.leave()
        } catch {
            RankedEnd.fail(error)
        }
    }

    private static func parsed() throws -> any ParsableCommand {
        let command = try parseAsRoot()
        guard !Launch.isParallel || command is RankedCommand else {
            throw CommandError(
                "mpirun has started this command \(Launch.size) times, but it is for one process; start it without.")
        }
        return command
    }
}

/// An error that a command shows as it is, in one sentence.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The logger of the commands: plain sentences on standard error.
///
/// - Parameter communicator: of several processes; all but rank 0 put their name before what they say.
func makeLogger(_ communicator: Communicator = .alone) -> Logger {
    Logger(label: "pixnerd") { _ in PlainLogHandler(speaker: communicator.isRoot ? nil : communicator.name) }
}
