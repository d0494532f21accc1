import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A measurement of which rows of the empty prompt a text model was trained with: the unconditional flow loss on some
/// images is lower with those of training.
public struct EmptyPromptTrial: Sendable {
    /// The mean loss over all images and times, under each convention.
    public let losses: [EmptyPrompt: Double]
    /// The convention with the lower loss.
    public let better: EmptyPrompt
    /// How many times its standard error the difference of both losses is, over images.
    public let certainty: Double

    /// Whether the difference could hardly be chance: at least three times its standard error.
    public var isDecided: Bool { certainty >= 3 }

    /// Measures.
    ///
    /// Both conventions get equal noise and times, so that their difference is small compared with that of images.
    ///
    /// - Parameters:
    ///   - loaded: A model that is conditioned on text.
    ///   - encoder: The encoder of its texts.
    ///   - pictures: Images, of which some from all over the list are read.
    ///   - count: Number of images, at least 2.
    ///   - size: Side of their centre crops in pixels, which the model takes.
    ///   - times: Number of times in (0, 1) for each image.
    ///   - seed: Seed of the noise.
    ///   - isCancelled: Called after each image; returns whether to end with `CancellationError`.
    /// - Throws: `PixNerdError` if the model is not conditioned on text, or fewer than two images can be read.
    public init(
        _ loaded: LoadedDenoiser, encoder: any TextEncoding, _ pictures: ImageCollection, count: Int, size: Int,
        times: Int = 8, seed: UInt64 = 0, isCancelled: () -> Bool = { false },
        progress: (_ done: Int) -> Void = { _ in }
    ) throws {
        guard let conditioner = loaded.conditioner as? TextConditioner else {
            throw PixNerdError(
                .unsupported, "The model", found: "is conditioned on classes", expected: "a model conditioned on text")
        }
        let rows = try EmptyPrompt.ofCausalEncoders.map { convention in
            let rows = try encoder.paddedRows(
                of: [""], length: conditioner.length, emptyPrompt: convention, isCancelled: isCancelled)
            return TextRows(rows[0])
        }
        let reader = CropReader(pictures, imageSize: ImageSize(size), decoding: PictureDecoding(format: loaded.format))
        let levels = (0..<times).map { (Float($0) + 0.5) / Float(times) }
        var losses: [[Double]] = []
        for (done, place) in pictures.evenPlaces(count).enumerated() {
            if isCancelled() { throw CancellationError() }
            guard let batch = reader.read([place], unreadable: { _ in }) else { continue }
            let data = loaded.space().encode(batch) { _ in RandomStream(seed: seed, purpose: .latents, index: place) }
            let copies = Tensor.concatenated([Tensor](repeating: data, count: times))
            let noise = Tensor.normal(copies.shape) {
                RandomStream(seed: seed, purpose: .noise, step: place, index: $0)
            }
            losses.append(
                rows.map { rows in
                    let condition = TextCondition([TextRows](repeating: rows, count: times), nothing: rows)
                    let training = TrainingBatch(data: copies, noise: noise, times: levels, condition: condition)
                    return Double(flowMatchingLoss(loaded.model, training).mean.scalar)
                })
            progress(done + 1)
        }
        guard losses.count > 1 else {
            throw PixNerdError(
                .malformed, "\(pictures.root)", found: "has \(losses.count) readable images", expected: "at least 2")
        }
        let number = Double(losses.count)
        let means = rows.indices.map { index in losses.reduce(0) { $0 + $1[index] } / number }
        let differences = losses.map { $0[0] - $0[1] }
        let mean = differences.reduce(0, +) / number
        let variance = differences.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / (number - 1)
        self.losses = Dictionary(uniqueKeysWithValues: zip(EmptyPrompt.ofCausalEncoders, means))
        better = EmptyPrompt.ofCausalEncoders[mean <= 0 ? 0 : 1]
        certainty = variance > 0 ? abs(mean) / (variance / number).squareRoot() : (mean == 0 ? 0 : .infinity)
    }
}
