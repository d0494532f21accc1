import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// What a PixNerd that reads captions has in the place of classes: embedded rows of texts, a vector beside the time, and
/// perhaps one modulation for all blocks.
struct CaptionLayers: Sendable {
    /// What no class was to a model of classes, [D]. The field blocks use the time alone, so it is no part of the time.
    let none: Parameter
    private let text: CaptionEmbedder
    /// [6 D, D]; nil if each block has its own.
    private let modulation: Linear?

    init(_ root: ParameterScope, _ sizes: CaptionSizes, width: Int) {
        none = (root / "t_embedder").parameter("none", shape: [width], .normal(standardDeviation: 0.02))
        text = CaptionEmbedder(
            root / "y_embedder", textWidth: sizes.width, textLength: sizes.length, hasEmptyRows: true, width: width)
        modulation =
            sizes.modulation == .single ? Linear.narrow(root / "t_block" / 1, inputs: width, outputs: 6 * width) : nil
    }

    /// What the blocks are modulated by: [B, D], or [B, 6 D] of one modulation for all.
    ///
    /// - Parameter time: [B, D].
    func condition(_ time: Tensor) -> Tensor {
        let condition = silu(sum(time, repeated(none.tensor, count: time.shape[0])))
        return modulation.map { $0(condition) } ?? condition
    }

    /// The embedded rows of texts and the text of each image.
    func texts(_ condition: any Condition) -> EmbeddedCaptions {
        let distinct = DistinctRows(condition.expect(TextCondition.self, by: "PixNerd").texts)
        let (rows, ofText) = text(distinct.rows)
        return EmbeddedCaptions(rows: rows, ofText: ofText, textOfImage: distinct.ofImage)
    }
}

/// The rows of the texts of a batch, as blocks read them.
struct EmbeddedCaptions {
    /// [R, D]
    var rows: Tensor
    /// The rows of each text.
    let ofText: [Range<Int>]
    /// For each image the index of its text.
    let textOfImage: [Int]
}

/// Two layers that bring the rows of a text to the width of tokens, and rows of the model's own for no text.
struct CaptionEmbedder: Sendable {
    /// [L, E]; stands for no text and is never trained. Nil if the model has none.
    private let emptyRows: Parameter?
    private let input: Linear
    private let output: Linear

    init(_ scope: ParameterScope, textWidth: Int, textLength: Int, hasEmptyRows: Bool, width: Int) {
        emptyRows =
            hasEmptyRows
            ? scope.constant(
                "y_embedding", shape: [textLength, textWidth],
                .normal(standardDeviation: 1 / Float(textWidth).squareRoot())) : nil
        input = Linear.narrow(scope / "y_proj" / "fc1", inputs: textWidth, outputs: width)
        output = Linear.narrow(scope / "y_proj" / "fc2", inputs: width, outputs: width)
    }

    /// The rows of all texts below each other, [R, D], and the rows of each text.
    func callAsFunction(_ texts: [TextRows]) -> (rows: Tensor, ofText: [Range<Int>]) {
        var (ranges, parts, next): ([Range<Int>], [Tensor], Int) = ([], [], 0)
        for text in texts {
            parts.append(text.encoded?.detached ?? own(text.count))
            ranges.append(next..<next + text.count)
            next += text.count
        }
        return (output(tanhGELU(input(Tensor.concatenated(parts)))), ranges)
    }

    private func own(_ count: Int) -> Tensor {
        guard let emptyRows else { preconditionFailure("CaptionEmbedder: the model has no rows of its own") }
        return emptyRows.value.rows(0..<count)
    }
}
