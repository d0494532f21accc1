import PixNerdDiffusion
import PixNerdTensors

/// The texts of a batch, each once. What a model computes from a text alone, and from a text, a time and the
/// numbers that it is told, it computes once for all images that share them: in guided sampling half of a batch has the
/// same text, and all have one time.
struct DistinctTexts {
    /// The U texts.
    let texts: [TextRows]
    /// For each of the V pairs of a text and a time (with the numbers that are told), the index of its text.
    let textOfPair: [Int]
    /// For each pair the first image that has it.
    let imageOfPair: [Int]
    /// For each of the B images the index of its pair.
    let pairOfImage: [Int]

    init(_ condition: any Condition, times: [Float]) {
        struct Pair: Hashable {
            let text: Int
            let time: UInt32
            let numbers: ModelNumbers
        }
        let all = condition.expect(TextCondition.self, by: "TextPixNerd").texts
        let distinct = DistinctRows(all)
        var (pairs, textOfPair, imageOfPair): ([Pair: Int], [Int], [Int]) = ([:], [], [])
        pairOfImage = zip(distinct.ofImage, times).enumerated().map { image, entry in
            let (text, time) = entry
            let pair = Pair(text: text, time: time.bitPattern, numbers: condition.numbers.rows(image..<image + 1))
            if let known = pairs[pair] { return known }
            pairs[pair] = textOfPair.count
            textOfPair.append(text)
            imageOfPair.append(image)
            return textOfPair.count - 1
        }
        (texts, self.textOfPair, self.imageOfPair) = (distinct.rows, textOfPair, imageOfPair)
    }

    /// The rows of all texts, [U, L, E].
    ///
    /// - Precondition: each has the shape [length, width].
    func rows(length: Int, width: Int) -> Tensor {
        Tensor.concatenated(
            texts.map { text in
                precondition(
                    text.tensor.shape == [length, width],
                    "TextPixNerd: rows of shape \(text.tensor.shape) for a model that takes \([length, width])")
                return text.tensor.detached.reshaped([1, length, width])
            })
    }

    /// Rows that belong to texts, for each pair: [U, L, D] to [V, L, D].
    func ofPairs(_ rows: Tensor) -> Tensor {
        guard textOfPair != Array(texts.indices) else { return rows }
        let shape = rows.shape
        return embedding(rows.reshaped([shape[0], shape[1] * shape[2]]), indices: textOfPair)
            .reshaped([textOfPair.count, shape[1], shape[2]])
    }

    /// Rows that belong to images, of the first image of each pair: [B, D] to [V, D].
    func firstOfPairs(_ rows: Tensor) -> Tensor {
        imageOfPair == Array(0..<rows.shape[0]) ? rows : embedding(rows, indices: imageOfPair)
    }
}
