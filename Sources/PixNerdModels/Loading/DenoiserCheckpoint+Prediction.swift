import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors

extension DenoiserCheckpoint {
    package static let targetKey = "prediction_target"
    package static let noiseScaleKey = "noise_scale"
    package static let floorKey = "floor"
    /// The metadata key of `largestScale`.
    package static let largestScaleKey = "largest_guidance"
    /// The name of the tensor with the subspace of an asymmetric target.
    package static let noiseBasisName = "noise_basis"

    /// What the model predicts, as the metadata says; what models of its kind are published to predict for a checkpoint
    /// that does not say.
    ///
    /// - Throws: `PixNerdError` if the metadata or the subspace of the noise is damaged or missing.
    public func prediction(of architecture: any DenoiserArchitecture) throws -> Prediction {
        let published = architecture.publishedPrediction
        let target = try metadata[Self.targetKey].map { text in
            guard let target = Prediction.Target(rawValue: text) else {
                throw damaged(
                    "its metadata \(Self.targetKey) is '\(text)'", expected: "velocity, picture or asymmetric")
            }
            return target
        }
        func number(_ key: String) throws -> Float? {
            try metadata[key].map { text in
                guard let number = Float(text), number > 0, number.isFinite else {
                    throw damaged("its metadata \(key) is '\(text)'", expected: "a number above 0")
                }
                return number
            }
        }
        let noise =
            if target == .asymmetric { try subspace(patch: architecture.patchSize) } else { nil as PatchSubspace? }
        // A checkpoint that says what it predicts without a scale was trained on standard normal noise.
        let scale = try number(Self.noiseScaleKey) ?? (target == nil ? published.noiseScale : 1)
        return Prediction(
            target ?? published.target, noiseScale: scale, floor: try number(Self.floorKey) ?? published.floor,
            arrives: target != nil || published.arrives, subspace: noise)
    }

    /// The largest guidance scale that a model which is told the scale was trained with; nil if the checkpoint does not
    /// say.
    public var largestScale: Float? {
        metadata[Self.largestScaleKey].flatMap { Float($0) }.flatMap { $0 >= 1 && $0.isFinite ? $0 : nil }
    }

    private func subspace(patch: Int) throws -> PatchSubspace {
        guard let file = files.first(where: { $0.names.contains(Self.noiseBasisName) }) else {
            throw PixNerdError(
                .notFound, "\(path)",
                found: "predicts an asymmetric target but lacks \(Self.noiseBasisName), the subspace of its noise",
                advice: "use the run's own files")
        }
        let basis = try file.tensor(Self.noiseBasisName)
        guard basis.shape.count == 2, basis.shape[0] % (patch * patch) == 0, basis.shape[0] > 0, basis.isFinite else {
            throw damaged(
                "\(Self.noiseBasisName) has the shape \(basis.shape) for patches of \(patch), or values that are not finite"
            )
        }
        return PatchSubspace(basis: basis, patch: patch)
    }

    private func damaged(_ found: ErrorText, expected: ErrorText? = nil) -> PixNerdError {
        PixNerdError(
            .malformed, "\(path):", found: found, expected: expected, advice: "use another copy of the checkpoint")
    }
}
