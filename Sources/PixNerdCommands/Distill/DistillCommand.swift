import ArgumentParser
import Foundation
import PixNerdSupport
import PixNerdTraining

extension Distillation.Stage: ExpressibleByArgument {}

struct DistillCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "distill",
        abstract: "Makes a run that is sampled in few steps from a trained one.",
        discussion: """
            Two students are trained, each beginning with its teacher's weights, beside the run: RUN-guided is told its \
            guidance scale and evaluates the model once a step, and RUN-jumps, its student, samples in 1, 2 or 4 jumps. \
            Together they take less than half of the time that the run took. A run that cannot be guided has only the \
            second one.

              pixnerd distill checkpoints/shapes
              pixnerd sample checkpoints/shapes-jumps --steps 4 --out images.png

            Ctrl-C saves the student that is trained; the same command with --resume continues. The losses frequency, \
            dispersive and repa, and other field sizes, are not taken over from the run.
            """)

    @Argument(help: "A run directory.")
    var path: String

    @Option(help: "Do only one stage: guidance or split (default: both).")
    var stage: Distillation.Stage?

    @Option(help: "Prefix of the students' names (default: the run's name).")
    var name: String?

    @Option(help: "Number of steps of each stage (default: a tenth of the run's, then a fifth).")
    var steps: Int?

    @Option(
        name: .customLong("set"),
        help: "Override a configuration value of the students, as KEY=VALUE; can be repeated.")
    var settings: [String] = []

    @Flag(help: "Resume the students that exist already.")
    var resume = false

    func validate() throws {
        try expectOption("--steps", steps, in: 1...1_000_000_000)
        if let name, name.isEmpty || name.contains("/") || name.hasPrefix(".") {
            throw ValidationError("--name is '\(name)'; it must be a name without slashes and not begin with a dot.")
        }
    }

    func run() throws {
        var options = Distillation.Options()
        (options.stage, options.name, options.steps, options.settings) = (stage, name, steps, settings)
        let distillation = try Distillation(run: path, options)
        try distillation.expectPlace(resumes: resume)
        makeLogger().noteSlowProducts()
        let shouldStop = Interruption.watch()
        for stage in distillation.stages {
            guard try train(stage, of: distillation, shouldStop) else { return }
        }
        if let last = distillation.stages.last {
            let run = try distillation.configuration(last).runPath
            print("Sample from it: \(shellCommand(["pixnerd", "sample", run, "--out", "images.png"]))")
        }
    }

    /// Trains the student of a stage, or resumes it.
    ///
    /// - Returns: whether it has taken all of its steps.
    private func train(
        _ stage: Distillation.Stage, of distillation: Distillation, _ shouldStop: @escaping () -> Bool
    ) throws -> Bool {
        let configuration = try distillation.configuration(stage)
        let state = Distillation.state(of: configuration)
        guard !state.isFinished else {
            print("\(configuration.runPath) is finished.")
            return true
        }
        let trainer = try Trainer(configuration, resume: state.isBegun, logger: makeLogger())
        print(trainer.summary)
        trainer.onProgress = ProgressBar.handler()
        let start = Date()
        let isFinished = try trainer.train(shouldStop: shouldStop)
        ProgressBar.breakLine()
        guard isFinished else {
            print("Stopped and saved at step \(trainer.state.step). Resume with the same command and --resume.")
            return false
        }
        print("Trained \(trainer.run.path) in \(durationText(Date().timeIntervalSince(start))).")
        return true
    }
}
