import ArgumentParser
import Foundation
import Logging
import PixNerdDistributed
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// The program: what it knows to do, and how it starts and ends.
package struct PixNerdCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "pixnerd",
        abstract: "Trains and samples PixNerd pixel-space diffusion models on CPUs.",
        discussion: """
            A first run, from a data set to images:

              pixnerd dataset shapes --out datasets/shapes
              pixnerd train configs/shapes.yaml
              pixnerd sample checkpoints/shapes --out shapes.png
            """,
        version: PixNerdVersion.current,
        subcommands: [
            TrainCommand.self, SampleCommand.self, EvaluateCommand.self, CompareCommand.self, TuneCommand.self,
            AverageCommand.self, DistillCommand.self, DreamBoothCommand.self, VerifyCommand.self, ConvertCommand.self,
            InfoCommand.self,
            EncodeCommand.self,
            VaeCommand.self, DatasetCommand.self, TokenizeCommand.self, TextEncoderCommand.self,
            DetectEmptyPromptCommand.self, BenchCommand.self, StudioCommand.self,
        ])

    /// Name and version for reports and manifests.
    package static let program = "pixnerd \(PixNerdVersion.current)"

    package init() {}

    /// Does what the command line says, and ends the process if that fails.
    ///
    /// - Parameter studio: The server of the studio, for a program that has one.
    package static func main(studio: (any StudioProvider)? = nil) {
        StudioHandover.provider.withLock { $0 = studio }
        StandardStreams.fill()
        ProcessSignals.turnIntoErrors()
        // Within a signal handler, where nothing may be allocated.
        MappedFileFaults.endProgram(saying: { sentence in
            let start: StaticString = "Error: "
            _ = write(STDERR_FILENO, start.utf8Start, start.utf8CodeUnitCount)
            _ = write(STDERR_FILENO, sentence, strlen(sentence))
        })
        MemoryRefusal.endProgram { error in
            StandardError.write("\nError: \(error.sentence(naming: Flags.name))\n")
            _exit(1)
        }
        var command = RankedEnd.onlyRankZeroShows { try parsed() }
        do {
            try command.run()
            try StandardOutput.check()
            RankedEnd.leave()
        } catch {
            RankedEnd.fail(error)
        }
    }

    private static func parsed() throws -> any ParsableCommand {
        let command: any ParsableCommand
        do {
            command = try parseAsRoot(PathArguments.expanded(Array(CommandLine.arguments.dropFirst())))
        } catch {
            throw keyForUnknownOption(error) ?? error
        }
        guard !Launch.isParallel || command is RankedCommand else {
            throw CommandError(
                "mpirun has started this command \(Launch.size) times, but it runs in one process only; start it "
                    + "without mpirun.")
        }
        return command
    }
}

extension PixNerdCommand {
    /// An error that names the configuration key which an unknown option of `train` or `compare` stands for; nil if
    /// there is none.
    private static func keyForUnknownOption(_ error: any Error) -> ValidationError? {
        let arguments = CommandLine.arguments.dropFirst()
        guard let command = arguments.first, [TrainCommand.name, CompareCommand.name].contains(command) else {
            return nil
        }
        let message = message(for: error)
        for option in arguments where option.hasPrefix("-") && message.contains("'\(option.prefix { $0 != "=" })'") {
            guard let key = UsualNames.key(ofOption: option) else { continue }
            return ValidationError(
                "\(command) has no option \(option.prefix { $0 != "=" }); set the key in the configuration, or with "
                    + "--set \(key)=VALUE.")
        }
        return nil
    }
}

/// An error of a command, as one sentence for its user.
struct CommandError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

extension Logger {
    /// Warns, in one line, if matrix multiplications do not use the processor's best instructions.
    func noteSlowProducts(on machine: Machine = Machine()) {
        if let warning = machine.warning { self.warning("\(warning)") }
    }
}

/// The logger of the commands, which writes plain lines to standard error.
///
/// - Parameter communicator: the communicator of a multi-process run; all ranks but 0 prefix their messages with their
///   names.
package func makeLogger(_ communicator: Communicator = .alone) -> Logger {
    Logger(label: "pixnerd") { _ in PlainLogHandler(speaker: communicator.isRoot ? nil : communicator.name) }
}
