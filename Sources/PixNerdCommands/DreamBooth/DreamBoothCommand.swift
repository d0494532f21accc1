import ArgumentParser
import Foundation
import PixNerdFewPictures
import PixNerdSupport
import PixNerdTraining

extension Configuration.Trained: ExpressibleByArgument {}

struct DreamBoothCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dreambooth",
        abstract: "Teaches a model a new class, or a thing that a prompt names, from few pictures.",
        discussion: """
            The new class comes behind the others and begins as one that it is like. Half of each batch are the pictures; the \
            other half are images that the model made of its classes before, so that these stay as they are. The result is a \
            run beside the model's, with a sheet of the pictures, the new class, and old classes before and after.

              pixnerd dreambooth checkpoints/animals --pictures zebras/ --class zebra \\
                --like horse
              pixnerd sample checkpoints/animals-zebra --classes zebra --out zebras.png

            A model of texts learns what a rare word in a prompt means, beside images that it made of prompts without it.

              pixnerd dreambooth checkpoints/captions --pictures mug/ \\
                --prompt "a photo of sks mug" --class-prompt "a photo of a mug"

            The learning rate is 0.4 times that of the model's run for --train all, and 3 times for lora and rows; \
            --set training.learning_rate=RATE sets another. Ctrl-C saves the run; the same command with --resume continues it.
            """)

    @Argument(help: "A run directory, a step in one (RUN@STEP), or a .safetensors, .ckpt, .pt or .pth file.")
    var model: String

    @Option(help: "Folder of 3 to 30 pictures of the new class.")
    var pictures: String

    @Option(name: .customLong("class"), help: "Name of the new class.")
    var className: String?

    @Option(help: "For a model of texts: the prompt of the pictures, with a rare word in it.")
    var prompt: String?

    @Option(
        help: "For a model of texts: a prompt of what the pictures show without the rare word; can be repeated.")
    var classPrompt: [String] = []

    @Option(help: "For a model of texts: its text encoder (default: that of its run).")
    var textEncoder: String?

    @Option(help: "Class that the new one begins as (default: the mean of all).")
    var like: String?

    @Option(
        help: """
            What is trained: lora (low-rank products, and the class; the file of the products is in each step), rows (the \
            class alone, which changes no other class), or all.
            """)
    var train = Configuration.Trained.lora

    @Option(help: "Number of steps.")
    var steps = 400

    @Option(help: "Number of images that the model makes of its classes first; 0 to train on the pictures alone.")
    var prior = 100

    @Option(help: "Weight of the loss of these images beside that of the pictures.")
    var priorWeight: Float = 1

    @Option(help: "Folder of real images in classes, to measure the distance of the old classes to.")
    var real: String?

    @Option(
        help: """
            Number of images of each old class that is sampled to see how far it moved (default: 10, or more of few \
            classes).
            """)
    var measured: Int?

    @Option(help: "Name of the run (default: those of the model and the class).")
    var name: String?

    @Option(
        name: .customLong("set"),
        help: "Override a configuration value, as KEY=VALUE; can be repeated.")
    var settings: [String] = []

    @Flag(help: "Resume the run that exists already.")
    var resume = false

    func validate() throws {
        guard (className == nil) != (prompt == nil) else {
            throw ValidationError(
                "\(className == nil ? "Neither" : "Both") --class and --prompt \(className == nil ? "is" : "are") given; name a "
                    + "new class with --class, or for a model of texts give the prompt of the pictures with --prompt.")
        }
        try expectOption("--steps", steps, in: 1...1_000_000_000)
        try expectOption("--prior", prior, in: 0...100_000)
        try expectOption("--measured", measured, in: 1...10_000)
        guard priorWeight >= 0, priorWeight <= 1e6 else {
            throw ValidationError("--prior-weight is \(priorWeight); it must be from 0 to 1000000.")
        }
        if let name, name.isEmpty || name.contains("/") || name.hasPrefix(".") {
            throw ValidationError("--name is '\(name)'; it must be a name without slashes and not begin with a dot.")
        }
    }

    func run() throws {
        var options = DreamBooth.Options()
        (options.pictures, options.className, options.like) = (pictures, className ?? prompt ?? "", like)
        (options.priorPrompts, options.textEncoder) = (classPrompt, textEncoder)
        (options.train, options.steps, options.prior, options.priorWeight) = (train, steps, prior, priorWeight)
        (options.name, options.real, options.settings) = (name, real, settings)
        options.measured = measured
        let plan = try DreamBooth(model: model, options)
        guard plan.takesText == (className == nil) else {
            throw CommandError(
                plan.takesText
                    ? "--class is given, but \(model) is a model of texts; give the prompt of the pictures with --prompt."
                    : "--prompt is given, but \(model) is a model of classes; name the new class with --class.")
        }
        try plan.expectPlace(resumes: resume)
        makeLogger().noteSlowProducts()
        let start = Date()
        let shouldStop = Interruption.watch()
        do {
            try plan.prepare(isCancelled: shouldStop, progress: ProgressBar.handler())
            ProgressBar.breakLine()
            guard try train(plan, shouldStop) else { return }
            let drift = try ClassDrift(plan, isCancelled: shouldStop, progress: ProgressBar.handler())
            ProgressBar.breakLine()
            let sheet = try drift.write(to: plan.configuration.runPath)
            for line in drift.description { print(TextTable.line(line.name, line.text, width: 16)) }
            let run = plan.configuration.runPath
            print(
                (className.map { "'\($0)' is a class of \(run)" } ?? "\(run) knows '\(prompt ?? "")'")
                    + ", made in \(durationText(Date().timeIntervalSince(start))); see "
                    + "\(sheet). Sample from it: "
                    + shellCommand(
                        ["pixnerd", "sample", run, className == nil ? "--prompt" : "--classes"]
                            + [className ?? prompt ?? "", "--out", "images.png"]))
        } catch is CancellationError {
            ProgressBar.breakLine()
            print("Stopped. Continue with the same command and --resume.")
            throw ExitCode(130)
        }
    }

    /// Trains the run, or resumes it.
    ///
    /// - Returns: whether it has taken all of its steps.
    private func train(_ plan: DreamBooth, _ shouldStop: @escaping () -> Bool) throws -> Bool {
        guard !plan.state.isFinished else { return true }
        let trainer = try Trainer(plan.configuration, resume: plan.state.isBegun, logger: makeLogger())
        print(trainer.summary)
        trainer.onProgress = ProgressBar.handler()
        let isFinished = try trainer.train(shouldStop: shouldStop)
        ProgressBar.breakLine()
        if !isFinished {
            print("Stopped and saved at step \(trainer.state.step). Resume with the same command and --resume.")
        }
        return isFinished
    }
}
