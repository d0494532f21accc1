import ArgumentParser
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
}

/// An error that a command shows as it is, in one sentence.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The logger of the commands: plain sentences on standard error.
func makeLogger() -> Logger {
    Logger(label: "pixnerd") { _ in PlainLogHandler() }
}
