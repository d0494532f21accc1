import Foundation
import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

/// Results of a comparison, as its JSON stores them and its page shows them.
public struct ComparisonResults: Codable, Sendable {
    /// Settings of sampling and evaluation, equal for all pipelines.
    public struct Measuring: Codable, Sendable {
        public let reference: String
        public let pictures: Int
        /// Maximum number of reference images.
        public let referencePictures: Int
        public let seed: UInt64
        public let steps: Int
        public let shift: Float
        public let guidance: [Float]
        public let guidanceInterval: [Float]
        public let batch: Int
        /// Path of the weights of the network whose features are compared.
        public let features: String?
    }

    public struct MachineDescription: Codable, Sendable {
        public let processor: String
        public let instructionSet: String
        public let blas: String
        public let blasCore: String
        public let threads: Int
        /// Memory in GB.
        public let memory: Double
    }

    public let name: String
    public let program: String
    /// The command that was entered.
    public let command: String
    public let machine: MachineDescription
    /// Names of the units that are not done yet.
    public let missing: [String]
    /// Whether everything that should be equal is; otherwise `unequal` lists the differences.
    public let isEqual: Bool
    public let unequal: [ComparedKey]
    public let equal: [ComparedKey]
    /// Keys that differ because of space and head.
    public let differing: [ComparedKey]
    public let measuring: Measuring
    public let costs: [CostQuantity]
    public let pipelines: [PipelineResult]
}

/// Results of one pipeline.
public struct PipelineResult: Codable, Sendable {
    /// Evaluation of one saved step, with the cost of reaching it.
    public struct Point: Codable, Sendable {
        public let step: Int
        public let guidance: Float
        /// Seconds of training up to this step, including the autoencoder's training.
        public let seconds: Double
        /// Floating-point operations of training up to this step, including the autoencoder's training.
        public let operations: Double
        public let sampling: SamplingCost
        public let evaluation: EvaluationReport
    }

    public let name: String
    public let space: String
    public let head: String
    public let run: String
    public let isTaken: Bool
    public let tokens: Int?
    /// Side of a token in pixels.
    public let tokenSide: Int?
    public let training: TrainingCost?
    /// Cost of training the autoencoder; nil in pixel space, or if unknown.
    public let autoencoderTraining: TrainingCost?
    public let spaceRecord: SpaceRecord?
    public let trajectory: TrajectoryRecord?
    /// Evaluations, sorted by guidance and then by step.
    public let points: [Point]

    /// Whether the pipeline uses an autoencoder whose training cost is unknown.
    public var hasUnknownCost: Bool {
        space == Configuration.SpaceKind.latent.rawValue && training != nil && autoencoderTraining == nil
    }

    /// Evaluations with one guidance scale, sorted by step.
    public func points(guidance: Float) -> [Point] { points.filter { $0.guidance == guidance } }
}

extension PipelineComparison {
    /// Results so far.
    ///
    /// - Parameter command: the command that was entered.
    public func results(command: String) -> ComparisonResults {
        let pipelines = self.pipelines.map(result)
        let evaluation = settings.evaluation
        let machine = Machine()
        let asked = self.pipelines[0].configuration.threads
        return ComparisonResults(
            name: settings.name, program: program, command: command,
            machine: ComparisonResults.MachineDescription(
                processor: machine.processor, instructionSet: machine.instructionSet, blas: machine.blas ?? "none",
                blasCore: machine.blasCore ?? "its own",
                threads: asked > 0 ? asked : Threads.count, memory: Double(machine.memory) / 1e9),
            missing: units.filter { !isDone($0) }.map(\.name), isEqual: equality.isEqual, unequal: equality.unequal,
            equal: equality.compared.filter(\.isEqual), differing: equality.differing,
            measuring: ComparisonResults.Measuring(
                reference: reference, pictures: evaluation.pictures, referencePictures: referenceLimit,
                seed: evaluation.seed, steps: evaluation.steps, shift: evaluation.shift, guidance: evaluation.guidance,
                guidanceInterval: [evaluation.guidanceLower, evaluation.guidanceUpper], batch: evaluation.batch,
                features: evaluation.features.isEmpty ? nil : evaluation.features),
            costs: CostQuantity.all(pipelines, guidance: evaluation.guidance), pipelines: pipelines)
    }

    private func recorded<Value: Codable>(_ unit: ComparisonUnit, as type: Value.Type) -> Value? {
        (try? recordSettings(unit)).flatMap { records.value(unit.name, $0, as: type) }
    }

    private func result(_ pipeline: Pipeline) -> PipelineResult {
        let (name, configuration) = (pipeline.name, pipeline.configuration)
        let training = recorded(.training(pipeline: name), as: TrainingCost.self)
        let autoencoder = autoencoderCost(of: pipeline)
        let points = settings.evaluation.guidance.flatMap { guidance in
            measuredSteps(pipeline).compactMap { step -> PipelineResult.Point? in
                let found = both(
                    recorded(.sampling(pipeline: name, step: step, guidance: guidance), as: SamplingCost.self),
                    recorded(.evaluation(pipeline: name, step: step, guidance: guidance), as: EvaluationRecord.self))
                guard let (sampling, evaluation) = found, let training else { return nil }
                return PipelineResult.Point(
                    step: step, guidance: guidance, seconds: (autoencoder?.seconds ?? 0) + training.seconds(at: step),
                    operations: (autoencoder.map { $0.operations(at: $0.steps) } ?? 0) + training.operations(at: step),
                    sampling: sampling, evaluation: evaluation.report)
            }
        }
        return PipelineResult(
            name: name, space: configuration.space.rawValue, head: configuration.model.head.rawValue,
            run: pipeline.run.path, isTaken: pipeline.isTaken, tokens: pipeline.tokens, tokenSide: pipeline.tokenSide,
            training: training, autoencoderTraining: autoencoder,
            spaceRecord: recorded(.space(pipeline: name), as: SpaceRecord.self),
            trajectory: recorded(.trajectory(pipeline: name), as: TrajectoryRecord.self), points: points)
    }

    /// Writes the results so far as a page and as JSON, next to the records.
    ///
    /// - Parameter command: the command that was entered.
    /// - Returns: the paths of the page and of the JSON file.
    /// - Throws: `PixNerdError` if images cannot be read or files cannot be written.
    @discardableResult
    public func writeReport(command: String) throws -> [String] {
        let results = results(command: command)
        let (page, json) = ("\(settings.path)/report.html", "\(settings.path)/report.json")
        let html = try reportPage(results)
        try makeFolder(settings.path)
        try JSON.write(results, to: json)
        try AtomicFile.write(Data(html.utf8), to: page)
        return [page, json]
    }
}
