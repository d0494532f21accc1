import PixNerdImages
import PixNerdSpaces
import PixNerdSupport

extension Configuration.DataSection {
    /// Side of the images where they can only be squares (`checkShapes`).
    package var squareSide: Int { imageSize.height }
}

extension Configuration {
    /// The sizes that batches have, the usual one among them.
    ///
    /// - Parameter patch: number of pixels of which all sides are multiples.
    /// - Throws: `PixNerdError` if a size cannot be divided into patches, or the usual one is not among them.
    func batchSizes(patch: Int) throws -> [ImageSize] {
        let sizes: [ImageSize]
        switch data.buckets {
        case .none: sizes = [data.imageSize]
        case .area: sizes = ImageBuckets.sizes(ofArea: data.imageSize, multiple: patch)
        case .sizes(let listed): sizes = listed
        }
        if let problem = sizeProblem(data.imageSize, multiple: ImageSize(patch)) {
            throw PixNerdError(.invalidValue, "data.image_size", found: "\(problem)")
        }
        for size in sizes {
            if let problem = sizeProblem(size, multiple: ImageSize(patch)) {
                throw PixNerdError(.invalidValue, "data.buckets:", found: "a size \(problem)")
            }
        }
        guard sizes.contains(data.imageSize) else {
            throw PixNerdError(
                .mismatch, "data.image_size", found: "is \(data.imageSize.text), which is none of data.buckets",
                expected: "the size of previews, and of samples that no size is given for",
                advice: "set it to one of \(sizes.map(\.text).joined(separator: ", "))")
        }
        return sizes
    }

    /// Checks that nothing that takes squares of one size is combined with other shapes, or padding with what would
    /// count it.
    ///
    /// - Throws: `PixNerdError` naming the key.
    func checkShapes() throws {
        let shape: (key: ErrorText, found: ErrorText)? =
            data.buckets != .none
            ? ("data.buckets", "is set")
            : data.imageSize.isSquare ? nil : ("data.image_size", "is \(data.imageSize.text)")
        if let shape {
            let squares: [(Bool, ErrorText)] = [
                (kind != .denoiser, "kind is \(kind.rawValue)"), (!latent.cache.isEmpty, "latent.cache is set"),
                (repa.isOn, "tokens are aligned"), (!training.fieldSizes.isEmpty, "training.field_sizes is set"),
            ]
            try Self.expectNone(
                squares.map { isThere, other in
                    let found: ErrorText = "\(shape.found), but \(other), which needs squares of one size"
                    return Clash(isThere, shape.key, found, "remove one of them")
                })
        }
        guard data.crop.padsImages else { return }
        let whole: [(Bool, ErrorText)] = [
            (kind != .denoiser, "kind is \(kind.rawValue)"), (space == .latent, "space is latent"),
            (repa.isOn, "tokens are aligned"), (!training.fieldSizes.isEmpty, "training.field_sizes is set"),
            (training.frequencyWeight > 0, "training.frequency_weight is set"),
            (data.augment > 0, "data.augment is set"), (fewSteps.method != .none, "the model learns few steps"),
        ]
        try Self.expectNone(
            whole.map { isThere, other in
                Clash(isThere, "data.crop", "is none, but \(other), which would count padding", "set it to center")
            })
    }
}
