import CPixNerdKernels

/// The layout of the heads in the keys and values [U, L, 2 D] of texts.
struct TextLayout {
    let texts: Int
    /// L
    let rows: Int
    /// D
    let width: Int
    let heads: Int
    /// Index of each image's text.
    let ofImage: [Int]

    var headWidth: Int { width / heads }

    /// Whether each image has the text of its own index.
    var isOwn: Bool { ofImage == Array(0..<texts) }

    /// Offset of the keys of a head in [U, L, 2 D]; its values are `width` elements further.
    func offset(text: Int, head: Int) -> Int { text * rows * 2 * width + head * headWidth }

    /// The sums over the images of each text.
    ///
    /// - Parameter perImage: [B, L, 2 D].
    /// - Returns: [U, L, 2 D].
    func summed(_ perImage: Tensor) -> Tensor {
        guard !isOwn else { return perImage }
        let result = Tensor(zeros: [texts, rows, 2 * width])
        // Threads take rows, and the images of a row are added in order, so that the bits are always the same.
        parallelFor(rows) { row in
            for (image, text) in ofImage.enumerated() {
                pn_accumulate(
                    2 * width, perImage.pointer + (image * rows + row) * 2 * width,
                    result.storage.pointer + (text * rows + row) * 2 * width)
            }
        }
        return result
    }
}

/// The keys and values of texts that images attend to.
struct TextTokens {
    /// [U, L, 2 D]
    let tensor: Tensor
    let layout: TextLayout

    init(_ tensor: Tensor, ofImage: [Int], heads: Int) {
        self.tensor = tensor
        layout = TextLayout(
            texts: tensor.shape[0], rows: tensor.shape[1], width: tensor.shape[2] / 2, heads: heads, ofImage: ofImage)
    }
}
