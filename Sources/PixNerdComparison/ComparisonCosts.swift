/// A cost of the pipelines, with a value for each of them.
public struct CostQuantity: Codable, Sendable, Equatable {
    public enum Unit: String, Codable, Sendable {
        case count
        case seconds
        case perSecond
        case gigabytes
    }

    /// Group in the table, such as `Training`.
    public let group: String
    /// Name to display, such as `parameters of the denoiser`.
    public let title: String
    public let unit: Unit
    /// One value per pipeline, in order; nil if it does not apply or is unknown.
    public let values: [Double?]
}

extension CostQuantity {
    /// Costs of training and sampling, with and without the training of the autoencoder.
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
            whole("multiply-adds of a forward pass, per image") { $0.training?.multiplyAdds },
            whole("multiply-adds of encoding, per image") { $0.spaceRecord?.encoding },
            whole("multiply-adds of decoding, per image") { $0.spaceRecord?.decoding },
            quantity("encoding alone, images per second", .perSecond) { $0.spaceRecord?.encodedPerSecond },
            quantity("decoding alone, images per second", .perSecond) { $0.spaceRecord?.decodedPerSecond },
        ]
    }

    private static func training(_ pipelines: [PipelineResult]) -> [CostQuantity] {
        func quantity(_ title: String, _ unit: Unit = .count, _ value: (PipelineResult) -> Double?) -> CostQuantity {
            CostQuantity(group: "Training", title: title, unit: unit, values: pipelines.map(value))
        }
        return [
            quantity("images per second, with encoding", .perSecond) { $0.training?.picturesPerSecond },
            quantity("peak memory", .gigabytes) { $0.training?.peakMemory },
            quantity("time", .seconds) { $0.training?.seconds },
            quantity("time to train the autoencoder", .seconds) { $0.autoencoderTraining?.seconds },
            quantity("time with the autoencoder", .seconds) { $0.charged?.seconds },
            quantity("peak memory of training the autoencoder", .gigabytes) { $0.autoencoderTraining?.peakMemory },
            quantity("floating-point operations") { $0.training.map { $0.operations(at: $0.steps) } },
            quantity("floating-point operations to train the autoencoder") {
                $0.autoencoderTraining.map { $0.operations(at: $0.steps) }
            },
            quantity("floating-point operations with the autoencoder") { $0.charged?.operations },
        ]
    }

    private static func sampling(_ pipelines: [PipelineResult], _ guidance: Float) -> [CostQuantity] {
        func quantity(_ title: String, _ unit: Unit = .count, _ value: (SamplingCost) -> Double?) -> CostQuantity {
            CostQuantity(
                group: "Sampling, \(guidanceTitle(guidance))", title: title, unit: unit,
                values: pipelines.map { $0.points(guidance: guidance).last.flatMap { value($0.sampling) } })
        }
        return [
            quantity("multiply-adds per image, without decoding") { Double($0.denoising) },
            quantity("multiply-adds per image, with decoding") { Double($0.denoising) + Double($0.decoding) },
            quantity("images per second, with decoding", .perSecond) { $0.picturesPerSecond },
            quantity("peak memory", .gigabytes) { $0.peakMemory },
        ]
    }

    /// Name of a guidance scale, such as `unguided` or `guidance 3.5`.
    static func guidanceTitle(_ guidance: Float) -> String {
        guidance == 1 ? "unguided" : "guidance \(NumberText.plain(guidance))"
    }
}

extension PipelineResult {
    /// Cost of training to the last step, including the autoencoder's training; nil if either is unknown.
    var charged: (seconds: Double, operations: Double)? {
        guard let training, !hasUnknownCost else { return nil }
        return (
            training.seconds + (autoencoderTraining?.seconds ?? 0),
            training.operations(at: training.steps)
                + (autoencoderTraining.map { $0.operations(at: $0.steps) } ?? 0)
        )
    }
}
