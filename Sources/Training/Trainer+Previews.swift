import Diffusion
import Foundation
import Images

extension Trainer {
    /// Pictures from fixed seeds, with the moving average and with the raw weights.
    func writePreviews(_ journal: TrainingJournal) throws {
        let name = String(format: "step-%06d", state.step)
        let average = try state.withAverage { try preview() }
        try write(average, "\(name).png", tag: "preview/ema", journal)
        try write(try preview(), "\(name)-raw.png", tag: "preview/raw", journal)
    }

    private func write(_ picture: RGBImage, _ name: String, tag: String, _ journal: TrainingJournal) throws {
        try ImageFile.writePNG(picture, to: "\(run.previewsPath)/\(name)")
        try journal.write(picture, tag: tag, step: state.step)
    }

    private func preview() throws -> RGBImage {
        let sampling = configuration.sampling
        let labels = 0..<min(sampling.classes, pictures.classes.count)
        let requests = labels.flatMap { label in
            (0..<sampling.perClass).map { PictureRequest(label: label, seed: UInt64($0)) }
        }
        var sampled: [RGBImage] = []
        let size = configuration.data.imageSize
        // Guidance doubles the pictures, so that half a batch of them takes no more memory than training does.
        try samplePictures(
            state.model, in: space, requests, size: PictureSize(height: size, width: size), settings: sampling.settings,
            batchSize: max(1, configuration.training.batchSize / configuration.training.accumulate / 2)
        ) { pixels, _ in sampled += roundedPictures(pixels) }
        let rows = labels.map { label in
            (
                label: Optional(pictures.classes[label]),
                images: Array(sampled[label * sampling.perClass..<(label + 1) * sampling.perClass])
            )
        }
        return ImageGrid.make(rows: rows)
    }
}
