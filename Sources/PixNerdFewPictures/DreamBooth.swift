import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdSupport
import PixNerdTraining

/// A run that teaches a model a new class, or a thing that a prompt names, from few pictures, beside images that the model
/// itself made before (DreamBooth; Ruiz et al., arXiv 2208.12242).
public struct DreamBooth {
    public struct Options: Sendable {
        /// Folder of the few pictures.
        public var pictures = ""
        /// Name of the new class; for a model of texts the prompt of the pictures.
        public var className = ""
        /// What a model of texts makes images of first, such as the kind of thing that the pictures show.
        public var priorPrompts: [String] = []
        /// Path of the text encoder of a model of texts; nil for the one of its run.
        public var textEncoder: String?
        /// The class that the new one begins as; nil for the mean of all.
        public var like: String?
        public var train = Configuration.Trained.lora
        /// Number of steps.
        public var steps = 400
        /// Number of images that the model makes of its classes first; 0 to learn from the pictures alone.
        public var prior = 100
        /// Weight of the loss of these images.
        public var priorWeight: Float = 1
        /// Name of the run; nil for those of the model and the class.
        public var name: String?
        /// Folder of real images in classes, to measure the distance of the old classes to; nil for none.
        public var real: String?
        /// Number of images of each old class that drift is measured on; nil for 10, or more of few classes.
        public var measured: Int?
        /// Overrides of configuration values, as `key=value`.
        public var settings: [String] = []

        public init() {}
    }

    /// The new run.
    public let configuration: Configuration
    public let options: Options
    /// Path of the model: the directory of a step, or a file.
    public let modelPath: String
    /// Names of the classes that the model has, or the prompts of the images that it makes first.
    public let classes: [String]
    /// Whether the model is conditioned on texts.
    public let takesText: Bool

    /// Plans a run.
    ///
    /// - Parameter path: A run, a step in one (`RUN@STEP`), or a file.
    /// - Throws: `PixNerdError` if the model cannot learn a new class, or has it already.
    public init(model path: String, _ options: Options) throws {
        let checkpoint = try DenoiserCheckpoint(path: RunDirectory.checkpointPath(path))
        let sizes = try Self.sizes(of: checkpoint, path)
        takesText = sizes == nil
        try Self.check(options, takesText: takesText, path)
        classes = sizes.map { checkpoint.classNames ?? (0..<$0.classes).map(String.init) } ?? options.priorPrompts
        modelPath = checkpoint.path
        self.options = options
        guard !classes.contains(options.className) else {
            throw PixNerdError(
                .alreadyExists, takesText ? "\(Setting.priorPrompt)" : "\(path)",
                found: takesText
                    ? "is the prompt of the pictures, too" : "has the class '\(options.className)' already",
                advice: takesText
                    ? "put a rare word into that of the pictures with \(Setting.prompt)"
                    : "give the new class another name with \(Setting.newClass), or go on training the run")
        }
        if let like = options.like, !classes.contains(like) {
            throw PixNerdError(
                .notFound, "\(Setting.like)", found: "is '\(like)', which is no class of \(path)",
                expected: "one of its classes, such as \(listed(classes, nearestTo: like))")
        }
        if let odd = classes.first(where: { !$0.isFolderName }), options.prior > 0 {
            throw PixNerdError(
                .unsupported, takesText ? "\(Setting.priorPrompt)" : "\(path)",
                found: "has \(takesText ? "the text" : "the class") '\(odd)', whose name no folder can have",
                advice: takesText ? "use a text without slashes" : "set \(Setting.prior) to 0")
        }
        guard options.className.isFolderName else {
            throw PixNerdError(
                .invalidValue, "\(takesText ? Setting.prompt : Setting.newClass)", found: "is '\(options.className)'",
                expected:
                    "a \(takesText ? "text" : "name") that a folder can have, without slashes and not beginning with a dot"
            )
        }
        configuration = try Self.configuration(of: checkpoint, sizes, path, options)
    }

    /// What makes an image of a class, or of a prompt.
    ///
    /// - Parameter place: Index in `classes`, or their number for the new one.
    func prompt(_ place: Int) -> Prompt {
        takesText ? .text(place < classes.count ? classes[place] : options.className) : .label(place)
    }

    /// The options by which images are sampled.
    var sampling: SamplingOptions {
        var sampling = SamplingOptions()
        if takesText { sampling.textEncoder = options.textEncoder }
        return sampling
    }

    /// Checks that the options are those of the kind of model.
    private static func check(_ options: Options, takesText: Bool, _ path: String) throws {
        func refusal(_ setting: Setting, _ advice: ErrorText) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(setting)",
                found: "is given, but \(path) is a model of \(takesText ? "texts" : "classes")", advice: advice)
        }
        guard takesText else {
            if !options.priorPrompts.isEmpty { throw refusal(.priorPrompt, "name the class with \(Setting.newClass)") }
            if options.textEncoder != nil { throw refusal(.textEncoder, "leave it out") }
            return
        }
        if options.like != nil { throw refusal(.like, "say what it is like in the prompt") }
        if options.real != nil { throw refusal(.real, "leave it out: its images are told apart by classes") }
        if options.train == .rows {
            throw PixNerdError(
                .mismatch, "\(path)", found: "is a model of texts, which has no rows of classes to train",
                advice: "train lora or all")
        }
        guard !options.priorPrompts.isEmpty else {
            throw PixNerdError(
                .notFound, "\(Setting.priorPrompt)", found: "is missing",
                expected: "a text of what the pictures show without the rare word, such as 'a ring'")
        }
    }

    /// The sizes of a model of classes that can learn a new one; nil for a model of texts.
    private static func sizes(of checkpoint: DenoiserCheckpoint, _ path: String) throws -> DenoiserOptions? {
        func refusal(_ found: ErrorText, _ advice: ErrorText? = nil) -> PixNerdError {
            PixNerdError(
                .unsupported, "\(path)", found: found, expected: "a model of classes, each image having one",
                advice: advice)
        }
        let found = try checkpoint.architecture(checkpoint.preferred(nil))
        guard try checkpoint.pixelFormat ?? .rgb8 == .rgb8 else { throw refusal("makes images of other pixels") }
        guard let sizes = KnownDenoisers.classModelOptions(found) else {
            guard found.takesText, found is any TrainableArchitecture else {
                throw refusal("is a model that cannot be trained")
            }
            guard run(of: checkpoint) != nil else {
                throw refusal("is a model of texts outside of a run", "name the run that it was trained in")
            }
            return nil
        }
        guard !checkpoint.takesSets, sizes.values == 0 else {
            throw refusal("is told sets of classes, or values")
        }
        guard !sizes.numbers.contains(.strength), !sizes.numbers.contains(.interval) else {
            throw refusal("is a model of few steps", "name the run that it was made from")
        }
        return sizes
    }

    /// The directory of a checkpoint's run; nil if it is a file outside of one.
    private static func run(of checkpoint: DenoiserCheckpoint) -> RunDirectory? {
        let parent = NSString(string: checkpoint.path).deletingLastPathComponent
        let run = RunDirectory(existing: parent.isEmpty ? "." : parent)
        return FileManager.default.fileExists(atPath: run.configurationPath) ? run : nil
    }

    private static func configuration(
        of checkpoint: DenoiserCheckpoint, _ sizes: DenoiserOptions?, _ path: String, _ options: Options
    ) throws -> Configuration {
        let run = run(of: checkpoint)
        var own = try run.map { try Configuration(yaml: $0.configurationPath) } ?? Configuration()
        if run == nil, let sizes {
            own.model = sizes
            own.name = NSString(string: NSString(string: path).lastPathComponent).deletingPathExtension
            guard let size = checkpoint.imageSize else {
                throw PixNerdError(
                    .notFound, "\(path)", found: "does not say the size of its images",
                    advice: "set it with \(Setting.overrides) data.image_size=SIDE")
            }
            own.data.imageSize = size
            if let autoencoder = checkpoint.autoencoder {
                (own.space, own.latent.autoencoder) = (.latent, autoencoder.path)
            }
        } else if let run {
            let parent = NSString(string: run.path).deletingLastPathComponent
            own.directory = parent.isEmpty ? "." : parent
        }
        let rate = own.training.learningRate
        own.name = options.name ?? "\(own.name)-\(options.className.split(separator: " ").joined(separator: "-"))"
        own.from = checkpoint.path
        let usual = Configuration()
        own.start = usual.start
        if sizes != nil { (own.start.classes, own.start.like) = (.extend, options.like ?? "") }
        own.subject = usual.subject
        if options.prior > 0 {
            (own.subject.className, own.subject.priorWeight) = (options.className, options.priorWeight)
        }
        own.lora = usual.lora
        own.repa = usual.repa
        own.dispersive = usual.dispersive
        own.model.classes = 0
        own.setFewPicturesTraining(options, learningRate: rate)
        own.data.root = "\(own.runPath)-pictures"
        (own.data.labels, own.data.labelKey, own.data.buckets) = ("folders", "", .none)
        (own.data.holdout, own.data.holdoutRoot) = (0, "")
        if sizes == nil { try own.takeCaptionsOfFolders(options, path) }
        for setting in options.settings { try own.apply(ConfigurationAssignment(setting: setting)) }
        return own
    }

    /// Folder of the images that the run is trained on, with one folder for each class.
    public var folder: String { configuration.data.root }

    /// Checks that nothing is there that would be overwritten.
    ///
    /// - Parameter resumes: Whether a run that is there is gone on with.
    /// - Throws: `PixNerdError` naming what is there.
    public func expectPlace(resumes: Bool) throws {
        for path in [configuration.runPath, folder] where !resumes && FileManager.default.fileExists(atPath: path) {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "already exists",
                advice: "go on with it by \(Setting.resume), or give the run another name with \(Setting.newRun)")
        }
    }

    /// Whether the run is there, with all of its steps or some.
    public var state: (isBegun: Bool, isFinished: Bool) { Distillation.state(of: configuration) }
}

extension Configuration {
    /// Has the names of folders as captions, encoded as the run goes.
    fileprivate mutating func takeCaptionsOfFolders(_ options: DreamBooth.Options, _ path: String) throws {
        if let encoder = options.textEncoder { text.encoder = encoder }
        guard !text.encoder.isEmpty else {
            throw PixNerdError(
                .notFound, "\(path)", found: "was trained from a cache of captions, which new ones are not in",
                advice: "name its text encoder with \(Setting.textEncoder)")
        }
        (text.cache, sampling.prompts) = ("", "")
        (data.captionTemplate, data.captionKey, data.skipUncaptioned) = ("{}", "", false)
    }

    /// The training of few pictures: short, with small batches, and without what long runs have.
    fileprivate mutating func setFewPicturesTraining(_ options: DreamBooth.Options, learningRate rate: Float) {
        let (fields, recompute, target) = (training.fieldSizes, training.recompute, training)
        training = Configuration().training
        (training.fieldSizes, training.recompute) = (fields, recompute)
        (training.target, training.noiseRank, training.noiseScale) = (
            target.target, target.noiseRank, target.noiseScale
        )
        (training.floor, training.timeMean, training.timeDeviation) = (
            target.floor, target.timeMean, target.timeDeviation
        )
        (training.timeSampling, training.timeShift) = (target.timeSampling, target.timeShift)
        (training.train, training.steps, training.batchSize) = (options.train, options.steps, 16)
        // Products begin without an effect, and single rows are short of numbers to change; both bear higher rates.
        training.learningRate =
            switch options.train {
            case .all: 0.4 * rate
            case .lora, .rows: 3 * rate
            }
        training.warmupSteps = min(20, options.steps / 10)
        (training.beta2, training.gradientClip, training.emaDecay) = (0.95, 1, [0.98])
        training.labelDropout = 0.1
        (training.saveEvery, training.previewEvery, training.keepLast) = (max(1, options.steps / 2), 0, 1)
    }
}

extension String {
    /// Whether a folder can have this name.
    fileprivate var isFolderName: Bool {
        !isEmpty && !hasPrefix(".") && !contains("/") && !contains("\0") && utf8.count <= 200
            && !contains(where: \.isNewline)
    }
}

extension Setting {
    /// The name of a new class.
    public static let newClass = Setting(rawValue: "className")
    /// The prompts of images that a model of texts makes before it learns from few pictures.
    public static let priorPrompt = Setting(rawValue: "priorPrompt")
    /// The class that a new one begins as.
    public static let like = Setting(rawValue: "like")
    /// The name of a run that is made from another.
    public static let newRun = Setting(rawValue: "runName")
    /// Number of images that a model makes of its classes before it learns a new one.
    public static let prior = Setting(rawValue: "prior")
    /// The folder of few pictures.
    public static let pictures = Setting(rawValue: "pictures")
    /// The folder of real images that sampled ones are compared with.
    public static let real = Setting(rawValue: "real")
}
