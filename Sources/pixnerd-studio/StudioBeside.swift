import Foundation
import PixNerdCommands
import PixNerdStudio
import PixNerdSupport
import PixNerdTraining

/// A studio that runs beside a training of this process.
final class StudioBeside: ShownTraining {
    private let training: LocalTraining
    private let isDone = DispatchSemaphore(value: 0)

    /// Starts the server.
    ///
    /// - Throws: `PixNerdError` if its settings are not valid.
    init(_ training: LocalTraining, _ trainer: Trainer, _ server: ServerOptions) throws {
        self.training = training
        var options = StudioOptions(program: try .this())
        options.checkpoints = trainer.configuration.directory
        try server.apply(to: &options)
        let studio = try Studio(options, logger: makeLogger())
        let shown = StudioTraining(
            run: trainer.configuration.name, control: training, configuration: trainer.configuration)
        let isDone = self.isDone
        Task {
            do {
                try await studio.run(
                    training: shown, onReady: { server.say(port: $0) }, shouldStop: { training.isOver })
            } catch {
                // The training goes on without its page.
                makeLogger().error("\(clause(Flags.readable(error)))")
            }
            isDone.signal()
        }
    }

    func shouldStop() -> Bool { training.shouldStop() }

    func shouldSave() -> Bool { training.shouldSave() }

    func end() {
        training.finish()
        isDone.wait()
    }
}
