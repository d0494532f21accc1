import ArgumentParser
import Foundation
import PixNerdDistributed
import PixNerdSupport
import PixNerdTraining

struct TrainCommand: ParsableCommand, RankedCommand {
    static let name = "train"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Trains a model on a folder of images.",
        discussion: """
            CONFIG is a YAML file; configs/ has examples. The data is a folder of images, or with one folder of images \
            per class. The run goes to checkpoints/NAME; Ctrl-C saves it, and --resume continues it.

              pixnerd train configs/cifar10.yaml --set data.root=datasets/cifar10/train

            With --studio a page in the browser shows the training. SIGUSR2 saves at once, with previews.

            Started by Open MPI's mpirun, all processes train one model: each takes its share of every batch. Rank 0 \
            writes the run; a signal to any process saves and ends it.

              mpirun -n 4 --hostfile hosts pixnerd train configs/cifar10.yaml
            """)

    @Argument(help: "Configuration, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(name: .customLong("set"), help: "Override a configuration value, as KEY=VALUE; can be repeated.")
    var settings: [String] = []

    @Flag(help: "Continue the run of that name from its latest checkpoint that is whole.")
    var resume = false

    @Option(help: "With --resume: the saved step to continue from; newer steps are renamed, not removed.")
    var step: Int?

    @Flag(help: "Allow resuming with another autoencoder than the run was started with.")
    var vaeOverride = false

    @Flag(help: "Serve the studio, a web page that shows the training, until it ends.")
    var studio = false

    @OptionGroup(title: "Options with --studio") var server: ServerOptions

    @Flag(help: "List all configuration keys with defaults and exit.")
    var listKeys = false

    func validate() throws {
        guard listKeys || config != nil else {
            throw ValidationError("Give a configuration file, such as configs/shapes.yaml.")
        }
        if let step {
            guard resume else { throw ValidationError("--step names a saved step to resume from; add --resume.") }
            guard step >= 0 else { throw ValidationError("--step is \(step); it must be at least 0.") }
        }
    }

    func run() throws {
        if listKeys {
            print(Configuration.keyTable)
            return
        }
        guard let config else { return }
        let server = studio ? try StudioHandover.expected() : nil
        let communicator = try Communicator.forCommand()
        let configuration = try communicator.agree { try Configuration(yaml: config, settings: settings) }
        let trainer = try Trainer(
            configuration, resume: resume, resumedStep: step, allowsOtherAutoencoder: vaeOverride,
            communicator: communicator, logger: makeLogger(communicator))
        if communicator.isRoot {
            makeLogger().noteSlowProducts()
            print(trainer.summary)
        }
        let (first, start) = (trainer.state.step, Date())
        trainer.onProgress = ProgressBar.handler()
        let finished = try train(trainer, communicator, server)
        ProgressBar.breakLine()
        guard communicator.isRoot else { return }
        let path = trainer.run.path
        let prompt = trainer.configuration.text.isOn ? ["--prompt", "a text like the captions"] : []
        let next =
            switch trainer.configuration.kind {
            case .denoiser:
                "Sample from it: \(shellCommand(["pixnerd", "sample", path] + prompt + ["--out", "images.png"]))"
            case .autoencoder:
                "Train in its latents: \(shellCommand(["--set", "space=latent", "--set", "latent.vae=\(path)"]))"
            case .videoAutoencoder:
                "Encode a film: \(shellCommand(["pixnerd", "vae", "encode", path, "film.gif", "--out", "film.safetensors"]))"
            }
        print(
            finished
                ? "Trained to step \(trainer.state.step)\(speed(trainer, since: first, start)). \(next)"
                : "Stopped and saved at step \(trainer.state.step). Resume with: \(resumeCommand(config))")
    }

    /// Trains, beside a studio if one was asked for.
    private func train(_ trainer: Trainer, _ communicator: Communicator, _ studio: (any StudioProvider)?) throws -> Bool
    {
        let (shouldStop, shouldSave) = (Interruption.watch(), Interruption.watchSaves())
        guard let studio, communicator.isRoot else {
            return try trainer.train(shouldStop: shouldStop, shouldSave: shouldSave)
        }
        let shown = try studio.serve(beside: trainer, server, isInterrupted: shouldStop)
        defer { shown.end() }
        return try trainer.train(shouldStop: shown.shouldStop, shouldSave: { shown.shouldSave() || shouldSave() })
    }

    /// Duration and speed of this session, including saving and previews; empty if it had no steps.
    private func speed(_ trainer: Trainer, since first: Int, _ start: Date) -> String {
        let (steps, seconds) = (trainer.state.step - first, Date().timeIntervalSince(start))
        guard steps > 0, seconds > 0 else { return "" }
        let rate = Double(steps * trainer.configuration.training.batchSize) / seconds
        return String(format: " in %.*f s, %.0f images/s", seconds < 10 ? 1 : 0, seconds, rate)
    }

    private func resumeCommand(_ config: String) -> String {
        let words = ["pixnerd", "train", config] + settings.flatMap { ["--set", $0] } + ["--resume"]
        return shellCommand(words + (vaeOverride ? ["--vae-override"] : []))
    }
}
