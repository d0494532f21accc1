import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSampling
import PixNerdSupport

/// The runs by which a trained run becomes one that is sampled in few steps: first a student that is told its guidance and
/// takes one evaluation a step, then one that jumps.
public struct Distillation {
    public enum Stage: String, Sendable, CaseIterable {
        /// Guidance in one evaluation.
        case guidance
        /// Jumps along mean velocities.
        case split
    }

    /// What to do, besides what follows from the run.
    public struct Options: Sendable {
        /// The only stage to do; nil for all that the run can take.
        public var stage: Stage?
        /// Name that those of the students begin with; nil for that of the run.
        public var name: String?
        /// Number of steps of each stage; nil for a share of the teacher's steps.
        public var steps: Int?
        /// Overrides of configuration values, as `key=value`, for all students.
        public var settings: [String] = []

        public init() {}
    }

    /// The stages to do, in order.
    public let stages: [Stage]
    private let path: String
    private let options: Options
    private let teacher: Configuration
    /// The saved step to learn from.
    private let step: Int

    /// Plans the stages of a run.
    ///
    /// - Parameter path: the directory of the run.
    /// - Throws: `PixNerdError` if it is no run of a denoiser, or cannot take a stage that was asked for.
    public init(run path: String, _ options: Options) throws {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let run = RunDirectory(existing: path)
        guard let step = run.savedSteps.last, FileManager.default.fileExists(atPath: run.configurationPath) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is not a run with a saved step", expected: "the directory of a run")
        }
        let teacher = try Configuration(yaml: run.configurationPath)
        guard teacher.kind == .denoiser else {
            throw PixNerdError(.mismatch, "\(path)", found: "is the run of an autoencoder, which is not sampled from")
        }
        let checkpoint = try DenoiserCheckpoint(path: run.stepPath(step))
        let numbers = try checkpoint.architecture(checkpoint.preferred(nil)).numbers
        guard !numbers.contains(.interval) else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "is a model of jumps already", advice: "name the run that it was made from"
            )
        }
        for setting in options.settings {
            let key = try ConfigurationAssignment(setting: setting).key
            guard !["name", "training.steps"].contains(key), !key.hasPrefix("few_steps.") else {
                throw PixNerdError(
                    .invalidValue, "\(Setting.overrides) \(setting)",
                    found: "sets \(key), which differs between the stages",
                    advice: "use \(Setting.studentName), \(Setting.studentSteps) or \(Setting.stage)")
            }
        }
        let cannotGuide = TrainedConditions(dropout: teacher.labelDropout).forbidGuidance
        let isGuided = numbers.contains(.strength)
        if options.stage == .guidance, isGuided || cannotGuide {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: isGuided
                    ? "is told its guidance already"
                    : "was trained with training.label_dropout 0 or 1, so it is not guided",
                advice: "do the stage split")
        }
        stages = options.stage.map { [$0] } ?? (isGuided || cannotGuide ? [.split] : [.guidance, .split])
        (self.path, self.options, self.teacher, self.step) = (path, options, teacher, step)
    }

    /// The configuration of the student of a stage.
    ///
    /// - Throws: `PixNerdError` if an override is not valid.
    public func configuration(_ stage: Stage) throws -> Configuration {
        var student = teacher
        student.name = (options.name ?? teacher.name) + (stage == .guidance ? "-guided" : "-jumps")
        let parent = NSString(string: path).deletingLastPathComponent
        student.directory = parent.isEmpty ? "." : parent
        student.fewSteps = Configuration.FewStepsSection()
        student.fewSteps.method = stage == .guidance ? .guidance : .split
        student.resetLosses()
        let usual = max(1, step / (stage == .guidance ? Self.guidancePart : Self.splitPart))
        student.training.steps = options.steps ?? usual
        // That of a student is reduced already.
        if teacher.fewSteps.method == .none { student.training.learningRate *= Self.rateFactor }
        student.training.schedule = .cosine
        student.training.warmupSteps = min(teacher.training.warmupSteps, student.training.steps / 20)
        if stage == .split {
            student.sampling.steps = Self.previewJumps
            student.sampling.shift = 1
        }
        for setting in options.settings { try student.apply(ConfigurationAssignment(setting: setting)) }
        student.fewSteps.teacher = teacherPath(of: stage, in: student.directory)
        try goOn(stage, &student)
        return student
    }

    /// Takes over what a student that is there already learns from, and for how long, since its teacher may have gone on.
    ///
    /// - Throws: `PixNerdError` if what is there is another run.
    private func goOn(_ stage: Stage, _ student: inout Configuration) throws {
        let run = RunDirectory(existing: student.runPath)
        guard FileManager.default.fileExists(atPath: run.configurationPath) else { return }
        let own = try Configuration(yaml: run.configurationPath)
        let wanted = NSString(string: student.fewSteps.teacher).deletingLastPathComponent
        let found = NSString(string: own.fewSteps.teacher).deletingLastPathComponent
        guard own.fewSteps.method == student.fewSteps.method, found == wanted else {
            throw PixNerdError(
                .alreadyExists, "\(run.path)", found: "already exists, and is no student of \(wanted)",
                advice: "give the students another name with \(Setting.studentName)")
        }
        student.fewSteps.teacher = own.fewSteps.teacher
        if options.steps == nil { student.training.steps = own.training.steps }
    }

    /// Shares of the teacher's steps that the stages take. A step of the first takes 5/3 of the time of one of the
    /// teacher's, one of the second 3/2, so that both take less than half of the time of its training.
    private static let (guidancePart, splitPart) = (10, 5)
    /// Factor of the learning rate of the run that students are made from. A student begins where its loss is small
    /// already, and AdamW's first steps are as long as the learning rate however small the gradients are: at the run's rate
    /// the loss would rise to several times its first value.
    private static let rateFactor: Float = 0.2
    /// Number of jumps of previews, and by default of sampling.
    private static let previewJumps = 4

    /// The teacher of a stage, by the step that it was at when the stage began.
    private func teacherPath(of stage: Stage, in directory: String) -> String {
        let run = RunDirectory(existing: path)
        guard stage == .split, stages.contains(.guidance) else { return run.stepPath(step) }
        let guided = RunDirectory(existing: "\(directory)/\(options.name ?? teacher.name)-guided")
        return guided.stepPath(guided.savedSteps.last ?? 0)
    }

    /// Checks that no student would be written into what is there already.
    ///
    /// - Parameter resumes: whether runs that are there are gone on with.
    /// - Throws: `PixNerdError` naming the first that is there.
    public func expectPlace(resumes: Bool) throws {
        for stage in stages where !resumes {
            let run = try configuration(stage).runPath
            guard FileManager.default.fileExists(atPath: run) else { continue }
            throw PixNerdError(
                .alreadyExists, "\(run)", found: "already exists",
                advice: "go on with it by \(Setting.resume), or give the students another name with "
                    + "\(Setting.studentName)")
        }
    }

    /// Whether the student of a configuration is there, with all of its steps or some.
    public static func state(of configuration: Configuration) -> (isBegun: Bool, isFinished: Bool) {
        let run = RunDirectory(existing: configuration.runPath)
        return (
            FileManager.default.fileExists(atPath: run.configurationPath),
            (run.savedSteps.last ?? 0) >= configuration.training.steps
        )
    }
}

extension Configuration {
    /// Takes away the parts of the loss that a model of few steps, with its own loss, cannot have.
    fileprivate mutating func resetLosses() {
        let usual = TrainingSection()
        (training.frequencyWeight, training.frequencyQuality) = (usual.frequencyWeight, usual.frequencyQuality)
        (training.timeWeight, training.fieldSizes) = (usual.timeWeight, usual.fieldSizes)
        dispersive = DispersiveSection()
        repa = AlignmentSection()
    }
}

extension Setting {
    /// The name that those of students begin with.
    public static let studentName = Setting(rawValue: "name")
    /// The number of steps of each stage of a distillation.
    public static let studentSteps = Setting(rawValue: "steps")
    /// The only stage of a distillation to do.
    public static let stage = Setting(rawValue: "stage")
}
