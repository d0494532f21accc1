import PixNerdSupport

extension Configuration {
    /// Checks what depends on the machine or on several keys, before anything is allocated.
    ///
    /// - Parameter classes: number of classes of the images; of captions, if the model is conditioned on them.
    /// - Throws: `PixNerdError` naming the key.
    func checkSizes(classes: Int) throws {
        let most = SizeLimits.threadsHere
        for (key, value) in [("threads", threads), ("data.workers", data.workers)] where value > most {
            throw PixNerdError(
                .invalidValue, "\(key)", found: "is \(value)", expected: "at most \(most) on this machine",
                advice: "more threads than that would only wait for each other")
        }
        guard training.previewEvery > 0, kind == .denoiser else { return }
        let size = data.imageSize
        let pixels = CheckedInt(size.height) * CheckedInt(size.width) * CheckedInt(previewImages(classes: classes))
        let limit = SizeLimits.side * SizeLimits.side
        guard pixels.clamped <= limit else {
            throw PixNerdError(
                .invalidValue, "sampling.per_class",
                found: "is \(sampling.perClass), which makes previews of more than \(limit) pixels",
                advice: "decrease it or sampling.classes, or set training.preview_every to 0")
        }
    }

    /// Number of images in a preview.
    func previewImages(classes: Int) -> Int {
        (CheckedInt(min(sampling.classes, max(1, classes))) * CheckedInt(sampling.perClass)).clamped
    }
}
