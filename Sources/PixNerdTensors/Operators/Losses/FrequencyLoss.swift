import CPixNerdKernels
import Foundation

/// Squared error by frequency: the mean of weight * coefficient^2 over the coefficients of an error in YCbCr under the
/// cosine transform of 8 x 8 pixels. Low frequencies weigh more, as in JPEG (DeCo: Ma et al., arXiv 2511.19365, section
/// 3).
///
/// A weight is 1 / q over the mean of 1 / q of its table, with q the step of JPEG's quantization tables for luminance
/// and chrominance. Sides that 8 does not divide are continued by reflection at the right and at the bottom.
///
/// - Parameters:
///   - error: prediction minus target in RGB, [B, 3, H, W].
///   - quality: JPEG's quality, 1 ... 100. With 100 all weights are 1.
/// - Returns: the mean over images, of shape [1], and the mean for each image.
public func frequencyLoss(_ error: Tensor, quality: Int = 85) -> (mean: Tensor, pictures: [Float]) {
    OperatorProfile.begin("frequencyLoss")
    defer { OperatorProfile.end() }
    precondition(
        error.shape.count == 4 && error.shape[1] == 3, "frequencyLoss: the error \(error.shape) is not [B, 3, H, W]")
    let (batch, height, width) = (error.shape[0], error.shape[2], error.shape[3])
    let size = 3 * height * width
    let coefficients = 3 * ((height + 7) / 8 * 8) * ((width + 7) / 8 * 8)
    let (cosines, weights) = (blockCosines(), FrequencyWeights(quality: quality).values)
    let (mean, pictures) = meanOverPictures(batch) { index in
        pn_block_frequencies(height, width, cosines.pointer, weights.pointer, error.pointer + index * size)
            / Double(coefficients)
    }
    let loss = Tape.record("frequencyLoss", mean, from: [error]) { upstream in
        let gradient = Tensor(uninitialized: error.shape)
        let scale = Float(2 * Double(upstream.scalar) / Double(batch * coefficients))
        parallelFor(batch) { index in
            pn_block_frequencies_backward(
                height, width, cosines.pointer, weights.pointer, scale, error.pointer + index * size,
                gradient.storage.pointer + index * size)
        }
        error.node?.add(gradient)
    }
    return (loss, pictures)
}

/// The orthonormal cosine transform of eight numbers, a row per frequency, and its transpose: [2, 8, 8].
private func blockCosines() -> Tensor {
    func cosine(_ frequency: Int, _ place: Int) -> Float {
        let length = frequency == 0 ? 0.125.squareRoot() : 0.5
        return Float(length * cos(Double.pi * Double((2 * place + 1) * frequency) / 16))
    }
    let rows = (0..<8).flatMap { frequency in (0..<8).map { cosine(frequency, $0) } }
    let transposed = (0..<8).flatMap { place in (0..<8).map { cosine($0, place) } }
    return Tensor(rows + transposed, shape: [2, 8, 8])
}

/// The weights of the frequencies of luminance and both chrominances.
private struct FrequencyWeights {
    /// [3, 8, 8], each table with mean 1.
    let values: Tensor

    init(quality: Int) {
        precondition((1...100).contains(quality), "frequencyLoss: the quality \(quality) is not in 1 ... 100")
        let scale = quality < 50 ? 5000 / Float(quality) : Float(200 - 2 * quality)
        func weights(_ table: [Float]) -> [Float] {
            let steps = table.map { min(max((($0 * scale + 50) / 100).rounded(.down), 1), 255) }
            let inverses = steps.map { 1 / Double($0) }
            let mean = inverses.reduce(0, +) / Double(inverses.count)
            return inverses.map { Float($0 / mean) }
        }
        let chrominance = weights(Self.chrominance)
        values = Tensor(weights(Self.luminance) + chrominance + chrominance, shape: [3, 8, 8])
    }

    /// Table K.1 of the JPEG standard (ITU-T T.81, annex K), quality 50.
    private static let luminance: [Float] = [
        16, 11, 10, 16, 24, 40, 51, 61,
        12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77,
        24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101,
        72, 92, 95, 98, 112, 100, 103, 99,
    ]

    /// Table K.2 of the JPEG standard (ITU-T T.81, annex K), quality 50.
    private static let chrominance: [Float] = [
        17, 18, 24, 47, 99, 99, 99, 99,
        18, 21, 26, 66, 99, 99, 99, 99,
        24, 26, 56, 99, 99, 99, 99, 99,
        47, 66, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
    ]
}
