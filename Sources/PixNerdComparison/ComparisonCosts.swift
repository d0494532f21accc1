/// Something that pipelines cost, with each one's number.
public struct CostQuantity: Codable, Sendable, Equatable {
    public enum Unit: String, Codable, Sendable {
        case count
        case seconds
        case perSecond
        case gigabytes
    }

    /// What it belongs to, such as `Training`.
    public let group: String
    /// For a person, such as `parameters of the denoiser`.
    public let title: String
    public let unit: Unit
    /// In the order of the pipelines; nil where there is nothing of the kind, or nobody knows it.
    public let values: [Double?]
}

extension CostQuantity {
    /// What pipelines cost to train and to sample from, autoencoders counted in and apart.
    static func all(_ pipelines: [PipelineResult], guidance: [Float]) -> [CostQuantity] {
        model(pipelines) + training(pipelines) + guidance.flatMap { sampling(pipelines, $0) }
    }

    private static func model(_ pipelines: [PipelineResult]) -> [CostQuantity] {
        func quantity(_ title: String, _ unit: Unit = .count, _ value: (PipelineResult) -> Double?) -> CostQuantity {
            CostQuantity(group: "Model", title: title, unit: unit, values: pipelines.map(value))
        }
        func whole(_ title: String, _ value: (PipelineResult) -> Int?) -> CostQuantity {
            quantity(title) { value($0).map(Double.init) }
        }
        return [
            whole("parameters of the denoiser") { $0.training?.parameters },
            whole("parameters of the autoencoder") { $0.spaceRecord?.parameters },
            whole("multiply-adds of a forward pass, a picture") { $0.training?.multiplyAdds },
            whole("multiply-adds of encoding, a picture") { $0.spaceRecord?.encoding },
            whole("multiply-adds of decoding, a picture") { $0.spaceRecord?.decoding },
            quantity("encoding alone, pictures a second", .perSecond) { $0.spaceRecord?.encodedPerSecond },
            quantity("decoding alone, pictures a second", .perSecond) { $0.spaceRecord?.decodedPerSecond },
        ]
    }

    private static func training(_ pipelines: [PipelineResult]) -> [CostQuantity] {
        func quantity(_ title: String, _ unit: Unit = .count, _ value: (PipelineResult) -> Double?) -> CostQuantity {
            CostQuantity(group: "Training", title: title, unit: unit, values: pipelines.map(value))
        }
        return [
            quantity("pictures a second, with encoding", .perSecond) { $0.training?.picturesPerSecond },
            quantity("peak memory", .gigabytes) { $0.training?.peakMemory },
            quantity("time", .seconds) { $0.training?.seconds },
            quantity("time of the autoencoder's training", .seconds) { $0.autoencoderTraining?.seconds },
            quantity("time with that", .seconds) { $0.charged?.seconds },
            quantity("peak memory of the autoencoder's training", .gigabytes) { $0.autoencoderTraining?.peakMemory },
            quantity("floating-point operations") { $0.training.map { $0.operations(at: $0.steps) } },
            quantity("operations of the autoencoder's training") {
                $0.autoencoderTraining.map { $0.operations(at: $0.steps) }
            },
            quantity("operations with that") { $0.charged?.operations },
        ]
    }

    private static func sampling(_ pipelines: [PipelineResult], _ guidance: Float) -> [CostQuantity] {
        func quantity(_ title: String, _ unit: Unit = .count, _ value: (SamplingCost) -> Double?) -> CostQuantity {
            CostQuantity(
                group: "Sampling, \(guidanceTitle(guidance))", title: title, unit: unit,
                values: pipelines.map { $0.points(guidance: guidance).last.flatMap { value($0.sampling) } })
        }
        return [
            quantity("multiply-adds of a picture without decoding") { Double($0.denoising) },
            quantity("multiply-adds of a picture with decoding") { Double($0.denoising + $0.decoding) },
            quantity("pictures a second, with decoding", .perSecond) { $0.picturesPerSecond },
            quantity("peak memory", .gigabytes) { $0.peakMemory },
        ]
    }

    /// How images of a guidance are called.
    static func guidanceTitle(_ guidance: Float) -> String {
        guidance == 1 ? "unguided" : "guided by \(NumberText.plain(guidance))"
    }
}

extension PipelineResult {
    /// What training took to the last step, the autoencoder's counted in; nil where one of both is not known.
    var charged: (seconds: Double, operations: Double)? {
        guard let training, !hasUnknownCost else { return nil }
        return (
            training.seconds + (autoencoderTraining?.seconds ?? 0),
            training.operations(at: training.steps)
                + (autoencoderTraining.map { $0.operations(at: $0.steps) } ?? 0)
        )
    }
}
