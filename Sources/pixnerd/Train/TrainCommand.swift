import ArgumentParser
import Foundation
import PixNerdDistributed
import PixNerdTraining

struct TrainCommand: ParsableCommand, RankedCommand {
    static let name = "train"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Trains a model on a folder of pictures.",
        discussion: """
            CONFIG is a YAML file; configs/ has examples. The pictures lie in a folder for each class. The run goes to \
            checkpoints/NAME; Ctrl-C saves it, and --resume goes on with it.

              pixnerd train configs/cifar10.yaml --set data.root=datasets/cifar10/train

            Started by Open MPI's mpirun, all processes train one model: each takes its share of every batch. Rank 0 \
            writes the run; a signal to any process saves it.

              mpirun -n 4 --hostfile hosts pixnerd train configs/cifar10.yaml
            """)

    @Argument(help: "The configuration, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(name: .customLong("set"), help: "A value that wins over the file's; may be given more than once.")
    var settings: [String] = []

    @Flag(help: "Go on with the run of that name from its latest saved step.")
    var resume = false

    @Flag(help: "Go on in the latents of another autoencoder than the run began with.")
    var vaeOverride = false

    @Flag(help: "Print every key with its default and what it is for, and do nothing else.")
    var listKeys = false

    func validate() throws {
        guard listKeys || config != nil else {
            throw ValidationError("Name a configuration file, such as configs/shapes.yaml.")
        }
    }

    func run() throws {
        if listKeys {
            print(Configuration.keyTable)
            return
        }
        guard let config else { return }
        let communicator = try Communicator.forCommand()
        let configuration = try communicator.agree { try Configuration(yaml: config, settings: settings) }
        let trainer = try Trainer(
            configuration, resume: resume, allowsOtherAutoencoder: vaeOverride, communicator: communicator,
            logger: makeLogger(communicator))
        if communicator.isRoot {
            makeLogger().noteSlowProducts()
            print(trainer.summary)
            // Into a pipe or a file, too, before the work begins.
            fflush(nil)
        }
        let (first, start) = (trainer.state.step, Date())
        trainer.onProgress = ProgressBar.handler()
        let finished = try trainer.train(shouldStop: Interruption.watch())
        ProgressBar.breakLine()
        guard communicator.isRoot else { return }
        let path = trainer.run.path
        let next =
            switch trainer.configuration.kind {
            case .denoiser: "Sample from it: pixnerd sample \(path) --out pictures.png"
            case .autoencoder: "Train in its latents: --set space=latent --set latent.vae=\(path)"
            }
        print(
            finished
                ? "Trained to step \(trainer.state.step)\(speed(trainer, since: first, start)). \(next)"
                : "Stopped and saved at step \(trainer.state.step). Go on with it: \(resumeCommand(config))")
    }

    /// How long the steps of this session took, with saving and previews; empty where there were none.
    private func speed(_ trainer: Trainer, since first: Int, _ start: Date) -> String {
        let (steps, seconds) = (trainer.state.step - first, Date().timeIntervalSince(start))
        guard steps > 0, seconds > 0 else { return "" }
        let rate = Double(steps * trainer.configuration.training.batchSize) / seconds
        return String(format: " in %.*f s, %.0f pictures/s", seconds < 10 ? 1 : 0, seconds, rate)
    }

    private func resumeCommand(_ config: String) -> String {
        let words = ["pixnerd", "train", config] + settings.flatMap { ["--set", $0] } + ["--resume"]
        return words.map(shellQuoted).joined(separator: " ")
    }
}
