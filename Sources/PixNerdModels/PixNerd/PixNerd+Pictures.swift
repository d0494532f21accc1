import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

extension PixNerdArchitecture {
    /// A model that reads no pictures, with these sizes otherwise.
    var withoutPictures: PixNerdArchitecture {
        var plain = self
        plain.pictureChannels = 0
        return plain
    }
}

extension PixNerd {
    /// A model that reads pictures beside the noisy pixels, and begins as one that does not: the new weights are zero.
    ///
    /// - Precondition: `plain` has the sizes of `architecture`, without pictures.
    convenience init(
        _ architecture: PixNerdArchitecture, withPicturesBeside plain: PixNerd, recomputesBlocks: Bool
    ) {
        precondition(
            architecture.pictureChannels > 0 && architecture.withoutPictures == plain.architecture,
            "PixNerd: \(plain.architecture.summary) is not the model to begin as")
        self.init(architecture, seed: 0, recomputesBlocks: recomputesBlocks)
        let known = Dictionary(uniqueKeysWithValues: plain.parameters.map { ($0.name, $0.value) })
        for parameter in parameters {
            // The layer that embeds pictures is new, and zero.
            guard let value = known[parameter.name] else { continue }
            let widened =
                value.shape == parameter.value.shape
                ? value : architecture.widened(value)
            parameter.modify { $0 = widened }
        }
    }
}

extension PixNerdArchitecture {
    /// The matrix of the field's first layer [F, I + E] with zeros where it reads pictures.
    fileprivate func widened(_ matrix: Tensor) -> Tensor {
        let positions = fieldFrequencies * fieldFrequencies
        let (old, values) = (matrix.shape[1], matrix.values)
        let zeros = [Float](repeating: 0, count: fieldInputs - old)
        let rows = (0..<matrix.shape[0]).map { row in
            let own = values[row * old..<(row + 1) * old]
            return own.dropLast(positions) + zeros + own.suffix(positions)
        }
        return Tensor(rows.flatMap { $0 }, shape: [rows.count, fieldInputs])
    }
}
