import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDistributed
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

extension Trainer {
    /// Finds and checks everything that a run needs, without training.
    ///
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    public static func check(_ configuration: Configuration) throws {
        _ = try prepared(configuration, .alone, allowsOtherAutoencoder: false)
    }

    /// Finds and checks everything that a run needs on every process.
    ///
    /// - Throws: on all processes, if something is missing or does not fit on one of them.
    static func prepared(
        _ configuration: Configuration, _ communicator: Communicator, allowsOtherAutoencoder: Bool
    ) throws -> any TrainingPreparation {
        try communicator.expectSame(
            "configuration", configuration.yaml, advice: "give all ranks the same file and overrides"
        ) { root in
            try configuration.differences(from: Configuration(text: root, origin: "rank 0")).map {
                "\($0.key.name) is \($0.own), there \($0.other)"
            }.first ?? ""
        }
        let preparation = try communicator.agree {
            let preparation = try prepared(configuration, allowsOtherAutoencoder: allowsOtherAutoencoder)
            try configuration.precision.check()
            try configuration.checkSizes(classes: preparation.pictures.promptCount)
            try checkRanks(preparation, communicator)
            return preparation
        }
        var pictures = Fingerprint()
        let holdout = preparation.holdout
        for collection in [holdout.all] + (holdout.isShare ? [] : holdout.source.map { [$0] } ?? []) {
            for (place, sample) in collection.samples.enumerated() {
                pictures.add("\(sample.name) \(sample.label)")
                if collection.labelSets != nil || collection.values != nil {
                    pictures.add("\(collection.prompt(of: place))")
                }
            }
            if let captions = collection.captions { for caption in captions.all { pictures.add(caption) } }
        }
        try communicator.expectSame(
            "list of images", pictures.text, advice: "set data.root to the same images on all machines")
        return preparation
    }

    /// Checks that each rank gets at least one image per step, and that each machine has enough memory.
    private static func checkRanks(_ preparation: any TrainingPreparation, _ communicator: Communicator) throws {
        let (training, ranks) = (preparation.configuration.training, communicator.size)
        guard training.batchSize >= ranks else {
            throw PixNerdError(
                .invalidValue, "training.batch_size", found: "is \(training.batchSize), less than the \(ranks) ranks",
                advice: "start fewer ranks, or increase it")
        }
        let (needed, available) = (
            (CheckedInt(memory(preparation, communicator).total) * CheckedInt(communicator.localSize)).clamped,
            AvailableMemory.bytes
        )
        guard needed < available else {
            let who = ranks > 1 ? "The \(communicator.localSize) ranks of this machine need" : "The run needs"
            let others = ranks > 1 ? "start fewer on it, set training.shard_optimizer to true, " : ""
            throw PixNerdError(
                .system, "\(who)",
                found:
                    "about \(gigabytes(Double(needed))) of memory, but only \(gigabytes(Double(available))) are available",
                advice:
                    "\(others)decrease training.batch_size, increase training.accumulate, set training.recompute to "
                    + "true, or make the model or the images smaller")
        }
    }

    /// Estimates the memory of each process.
    private static func memory(
        _ preparation: any TrainingPreparation, _ communicator: Communicator
    ) -> MemoryEstimate {
        var memory = preparation.memory
        let (configuration, training) = (preparation.configuration, preparation.configuration.training)
        memory.addLoading(
            configuration.data, pixels: preparation.buckets.largestArea,
            batch: configuration.plan(communicator).sizes.max() ?? 1)
        if training.previewEvery > 0, communicator.isRoot {
            let images = configuration.previewImages(classes: preparation.pictures.promptCount)
            memory.addPreviews(images: images, size: configuration.data.imageSize)
        }
        if training.sharesOptimizer {
            memory.shareUpdate(by: communicator.size)
            if communicator.size > 1, preparation.holdout.source != nil { memory.addWholeAverage() }
        }
        if preparation.configuration.precision == .bf16 {
            // The maximum over processes: shares may differ by one image, and so may passes (`Configuration.plan`).
            let passes = (training.accumulate + communicator.size - 1) / communicator.size
            memory.roundFactors(passes: passes, ranks: communicator.size)
        }
        return memory
    }

    /// Finds and checks everything that a run needs on this process.
    private static func prepared(
        _ configuration: Configuration, allowsOtherAutoencoder: Bool
    ) throws -> any TrainingPreparation {
        guard !configuration.data.root.isEmpty else {
            throw PixNerdError(
                .invalidValue, "data.root", found: "is not set",
                expected: configuration.text.isOn
                    ? "a folder of images with captions" : "a folder of images, or with one folder of images per class",
                advice: "set it with \(Setting.overrides) data.root=PATH")
        }
        let training = configuration.training
        guard training.batchSize % training.accumulate == 0 else {
            throw PixNerdError(
                .invalidValue, "training.batch_size \(training.batchSize)",
                found: "is not a multiple of training.accumulate \(training.accumulate)", advice: "change one of them")
        }
        if configuration.kind != .videoAutoencoder, let key = configuration.firstKeyInUse(of: "video") {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but kind is \(configuration.kind.rawValue)",
                advice: "remove it: only video autoencoders use it")
        }
        if configuration.kind != .denoiser, !configuration.data.condition.isEmpty {
            throw PixNerdError(
                .mismatch, "data.condition", found: "is set, but kind is \(configuration.kind.rawValue)",
                advice: "remove it: only denoisers read pictures beside noise")
        }
        let preparation: any TrainingPreparation =
            switch configuration.kind {
            case .denoiser:
                try DenoiserPreparation(configuration, allowsOtherAutoencoder: allowsOtherAutoencoder)
            case .autoencoder: try AutoencoderPreparation(configuration)
            case .videoAutoencoder: try VideoAutoencoderPreparation(configuration)
            }
        return preparation
    }

    /// A summary of the run in a few lines.
    public var summary: String {
        let training = configuration.training
        let lines =
            [("run", run.path + (state.step > 0 ? " from step \(state.step)" : ""))] + preparation.description
            + (task.trainedText.map { [("trained", $0)] } ?? []) + [
                (
                    "training",
                    "to step \(training.steps), \(training.batchSize) images per step, \(counted(Threads.count, "thread"))"
                        + (configuration.precision == .bf16 ? ", matmuls in bf16" : "")
                ),
                ("memory", memoryText),
            ] + (communicator.size > 1 ? [("ranks", ranksText)] : [])
        return lines.map { TextTable.line($0.0, $0.1) }.joined(separator: "\n")
    }
}

extension Trainer {
    private var memoryText: String {
        let memory = Self.memory(preparation, communicator)
        let each = communicator.size > 1 ? " per rank" : ""
        return "about \(gigabytes(Double(memory.total)))\(each) of \(gigabytes(Double(AvailableMemory.bytes)))"
    }

    private var ranksText: String {
        let hosts = Set(communicator.hosts).count
        return "\(communicator.size) on \(hosts == 1 ? "this machine" : "\(hosts) machines")"
            + (configuration.training.sharesOptimizer ? ", optimizer state sharded" : "")
    }
}

extension Configuration {
    /// The images of a step that a process takes, and their division into passes.
    func plan(_ communicator: Communicator) -> BatchPlan {
        BatchPlan(
            step: training.batchSize, most: training.batchSize / training.accumulate, rank: communicator.rank,
            ranks: communicator.size)
    }
}

extension ImageCollection {
    /// The classes that a model is conditioned on; none if it is conditioned on captions.
    var conditionedClasses: [String] { captions == nil ? classes : [] }

    /// Number of classes, or of images with captions, sets of classes or values, that previews may show at most.
    fileprivate var promptCount: Int {
        if values != nil { return .max }
        return captions?.count ?? labelSets?.count ?? classes.count
    }
}
