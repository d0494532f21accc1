import Foundation
import PixNerdCheckpoints
import PixNerdDistributed
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The state of a run: optimizer, EMAs, step, and everything else that later steps depend on.
public struct TrainingState {
    /// Optimizer of what is trained of the model, followed by the task's companions.
    let optimizer: any Optimizer
    /// EMAs, one for each decay, of which the first is used for sampling; then averages, one for each chosen length.
    let averages: [MovingAverage]
    /// Number of steps done, including skipped ones.
    public internal(set) var step = 0
    var outliers: OutlierDetector
    /// What is known of the held-out images; nil if there are none.
    var holdout: HoldoutHistory?

    /// Makes the state of a new run.
    init(fresh task: any TrainingTask, _ configuration: Configuration, _ exchange: GradientExchange?) {
        optimizer = Self.makeOptimizer(task, configuration, exchange)
        let values = task.trained.map(\.value)
        averages = configuration.weightSets.map { _ in
            MovingAverage(decay: 0, startingFrom: values, pieces: exchange?.pieces)
        }
        outliers = OutlierDetector(threshold: configuration.outlierThreshold)
    }

    private static func makeOptimizer(
        _ task: any TrainingTask, _ configuration: Configuration, _ exchange: GradientExchange?
    ) -> any Optimizer {
        let (parameters, settings) = (task.trained + task.companions, configuration.optimizer)
        return switch configuration.training.optimizer {
        case .adamw: AdamW(parameters, settings: settings, pieces: exchange?.pieces)
        case .muon:
            Muon(
                parameters, matrices: task.blockMatrices, settings: settings,
                momentumDecay: configuration.training.muonMomentum, communicator: exchange?.communicator ?? .alone)
        }
    }

    /// The tensors that the optimizer keeps: their names, and the indices of the parameters that have one.
    private static func momentSets(
        _ task: any TrainingTask, _ configuration: Configuration
    ) -> [(name: String, places: [Int])] {
        configuration.training.optimizer.moments(
            of: task.trained + task.companions, matrices: task.blockMatrices)
    }

    /// A saved state as one process reads it.
    struct Saved {
        fileprivate let record: TrainingRecord
        fileprivate let averages: [[Tensor]]
        /// Tensors of the optimizer, in the order of `momentSets`.
        fileprivate let moments: [[Tensor]]

        /// Checks that the tensor files of a step are whole and hold what was saved.
        private static func checkFiles(of directory: String) throws {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
            for name in names.sorted() where name.hasSuffix(".safetensors") {
                try SafetensorsFile(path: "\(directory)/\(name)").checkFingerprint()
            }
        }

        /// The directory of a step's averages, which holds one of a length.
        private static func profiles(of run: RunDirectory, step: Int, _ length: Double) throws -> String {
            let directory = run.averagesPath(step: step)
            let path = "\(directory)/\(RunDirectory.averageName(length: length.text))"
            guard FileManager.default.fileExists(atPath: path) else {
                let kept = run.averageLengths(step: step)
                throw PixNerdError(
                    .mismatch, "training.ema_lengths",
                    found: "holds \(length), but \(run.path) keeps no average of this length: \(path) is missing",
                    expected: kept.isEmpty ? "an empty list" : "lengths among \(kept.text)",
                    advice: "averages of chosen lengths follow a run from its first step on")
            }
            try SafetensorsFile(path: path).checkFingerprint()
            return directory
        }

        /// Loads the task and the state of a saved step.
        ///
        /// - Throws: `PixNerdError` naming the file and the problem.
        static func load(
            _ run: RunDirectory, step: Int, _ preparation: any TrainingPreparation
        ) throws -> (task: any TrainingTask, saved: Saved) {
            let directory = run.stepPath(step)
            let record = try TrainingRecord(step: directory)
            try checkFiles(of: directory)
            let classes = preparation.pictures.conditionedClasses
            guard preparation.configuration.kind != .denoiser || record.classes == classes else {
                throw PixNerdError(
                    .mismatch, "\(directory)",
                    found: "was trained on other classes than the images have (\(record.classes.count) and "
                        + "\(classes.count))",
                    advice: "set data.root to the run's images, or choose another name for a new run")
            }
            try checkOptimizer(record, preparation.configuration, directory)
            let task = try preparation.load(directory, record.origins)
            let averages = try preparation.configuration.weightSets.map { set in
                guard case .profile(let length) = set else { return try task.loadAverage(set, from: directory) }
                return try task.loadAverage(set, from: profiles(of: run, step: step, length))
            }
            let file = try SafetensorsFile(path: "\(directory)/optimizer.safetensors")
            let parameters = task.trained + task.companions
            let moments = try TrainingState.momentSets(task, preparation.configuration).map { prefix, places in
                try places.map { place in
                    let parameter = parameters[place]
                    let moment = try file.tensor("\(prefix).\(parameter.name)")
                    guard moment.shape == parameter.value.shape else {
                        throw PixNerdError(
                            .mismatch, "\(file.path): \(prefix).\(parameter.name)",
                            found: "has shape \(moment.shape)", expected: "\(parameter.value.shape)")
                    }
                    return moment
                }
            }
            return (task, Saved(record: record, averages: averages, moments: moments))
        }

        /// Checks that a checkpoint was trained with the optimizer of the configuration.
        private static func checkOptimizer(
            _ record: TrainingRecord, _ configuration: Configuration, _ directory: String
        ) throws {
            let (recorded, own) = (record.optimizer ?? .adamw, configuration.training.optimizer)
            guard recorded != own else { return }
            throw PixNerdError(
                .mismatch, "\(directory)",
                found: "was trained with the optimizer \(recorded.rawValue), but training.optimizer is \(own.rawValue)",
                advice: "resume with training.optimizer \(recorded.rawValue), or choose another name for a new run")
        }
    }

    /// Restores a saved state.
    ///
    /// - Parameter saved: the state on rank 0, which sends it to the others; nil on other ranks.
    init(
        resuming saved: Saved?, _ task: any TrainingTask, _ configuration: Configuration, _ exchange: GradientExchange?
    ) throws {
        let json = try saved.map { try JSONEncoder().encode($0.record) } ?? Data()
        let record = try JSONDecoder().decode(
            TrainingRecord.self, from: exchange?.communicator.broadcast { json } ?? json)
        func spread(_ places: [Int], _ tensors: @autoclosure () -> [Tensor]?) -> [Tensor] {
            guard let exchange else { return tensors() ?? [] }
            return exchange.spread(places) { tensors()![$0] }
        }
        optimizer = Self.makeOptimizer(task, configuration, exchange)
        averages = configuration.weightSets.indices.map { place in
            let pieces = spread(Array(task.trained.indices), saved?.averages[place])
            return exchange == nil
                ? MovingAverage(decay: 0, startingFrom: pieces) : MovingAverage(decay: 0, pieces: pieces)
        }
        outliers = record.outliers
        outliers.threshold = configuration.outlierThreshold
        step = record.step
        holdout = record.holdout
        let sets = Self.momentSets(task, configuration)
        optimizer.restore(
            step: record.optimizerStep,
            moments: sets.enumerated().map { set, moments in spread(moments.places, saved?.moments[set]) })
    }

    /// Sets the decays of all averages for the next step.
    func setDecays(_ training: Configuration.TrainingSection) {
        for (average, decay) in zip(averages, training.emaDecay) {
            // The EMA follows faster in the first steps.
            average.decay = training.emaWarmup ? min(decay, Float(1 + step) / Float(10 + step)) : decay
        }
        for (average, length) in zip(averages.dropFirst(training.emaDecay.count), training.emaLengths) {
            // Skipped steps do not count.
            average.decay = Float(PowerProfile.decay(length: length, update: optimizer.step + 1))
        }
    }

    /// The tensors that are sharded if processes share the update: moments, followed by EMAs.
    private var sharedSets: [[Tensor]] { optimizer.moments.map(\.values) + averages.map(\.values) }

    /// Runs `body` on rank 0 with a function that returns whole tensors, gathered from the shards of all processes.
    ///
    /// Other ranks only send their shards. Without sharding, `tensor` returns rank 0's own tensors.
    func withWholeTensors(
        _ exchange: GradientExchange?,
        _ body: (_ tensor: @escaping (_ set: Int, _ parameter: Int) -> Tensor) throws -> Void
    ) rethrows {
        let sets = sharedSets
        guard let exchange, exchange.sharesUpdate else {
            if exchange?.communicator.isRoot != false { try body { sets[$0][$1] } }
            return
        }
        let collector = PieceCollector(exchange, sets: sets)
        guard exchange.communicator.isRoot else { return collector.serve() }
        defer { collector.end() }
        let shapes = optimizer.parameters.map(\.value.shape)
        try body { collector.tensor(set: $0, parameter: $1, shape: shapes[$1]) }
    }

    /// Index of an EMA in `sharedSets`.
    func set(ofAverage place: Int) -> Int { optimizer.moments.count + place }

    /// Writes the state to an empty directory.
    ///
    /// - Parameters:
    ///   - run: the run, in whose own directory averages of chosen lengths outlive the step.
    ///   - tensor: returns whole tensors; see `withWholeTensors`.
    func save(
        _ task: any TrainingTask, _ configuration: Configuration, classNames: [String], to directory: String,
        of run: RunDirectory, tensor: @escaping (_ set: Int, _ parameter: Int) -> Tensor
    ) throws {
        let metadata = [DenoiserCheckpoint.imageSizeKey: configuration.data.imageSize.text, "step": String(step)]
        try task.save(task.trained.map { parameter in { parameter.value } }, .raw, metadata: metadata, to: directory)
        for (place, set) in configuration.weightSets.enumerated() {
            let weights = task.trained.indices.map { parameter in { tensor(self.set(ofAverage: place), parameter) } }
            switch set {
            case .raw: preconditionFailure("TrainingState: the raw weights are no average")
            case .average(let decay), .otherAverage(let decay):
                try task.save(
                    weights, set, metadata: metadata.merging(["ema_decay": String(decay)]) { $1 }, to: directory)
            case .profile(let length):
                try makeFolder(run.averagesPath(step: step))
                try AtomicFile.syncDirectory(run.averagesPath)
                let profile = [AverageSnapshot.lengthKey: length.text, AverageSnapshot.updatesKey: "\(optimizer.step)"]
                try task.save(
                    weights, set, metadata: metadata.merging(profile) { $1 }, to: run.averagesPath(step: step))
            }
        }
        let moments = optimizer.moments.enumerated().flatMap { set, moments in
            moments.parameters.enumerated().map { place, parameter in
                SafetensorsWriter.Item(name: "\(moments.name).\(parameter.name)", shape: parameter.value.shape) {
                    tensor(set, place)
                }
            }
        }
        try SafetensorsWriter.write(
            moments, metadata: ["step": String(optimizer.step)], to: "\(directory)/optimizer.safetensors")
        let (origins, kind) = (task.origins, configuration.training.optimizer)
        let record = TrainingRecord(
            step: step, optimizerStep: optimizer.step, samples: step * configuration.training.batchSize,
            seed: configuration.seed, classes: classNames, configurationHash: configuration.hash, outliers: outliers,
            encoder: origins.encoder, text: origins.text, autoencoder: origins.autoencoder,
            perceptual: origins.perceptual, teacher: origins.teacher, optimizer: kind == .adamw ? nil : kind,
            holdout: holdout)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = try encoder.encode(record)
        try AtomicFile.write(json, to: "\(directory)/state.json")
    }
}

extension Configuration {
    fileprivate var outlierThreshold: Double? { training.skipOutliers > 0 ? Double(training.skipOutliers) : nil }

    /// The averages: EMAs, of which the first is the default of everything that loads EMA weights, and averages of
    /// chosen lengths.
    fileprivate var weightSets: [WeightSet] {
        training.emaDecay.enumerated().map { index, decay -> WeightSet in
            index == 0 ? .average(decay: decay) : .otherAverage(decay: decay)
        } + training.emaLengths.map { .profile(length: $0) }
    }

    /// Fingerprint of the values that affect training.
    var hash: String {
        var fingerprint = Fingerprint()
        for key in Self.keys where key.changesTraining(self) { fingerprint.add("\(key.name)=\(key.read(self))") }
        return fingerprint.text
    }
}
