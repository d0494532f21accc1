import PixNerdDiffusion
import Synchronization

/// What a denoiser reads of a text.
public enum TextReading: Sendable {
    /// All rows, those of padding too.
    case allRows
    /// The rows of the text's own tokens.
    case ownTokens
    /// The rows of the text's own tokens; for no text the model has rows of its own, of which it reads as many as the
    /// prompt has (PixArt: Chen et al., arXiv 2310.00426, whose scripts keep the prompt's mask).
    case ownTokensOrModelRows
    /// The rows of the text's own tokens, up to the full length followed by a row of the model's own; no text is that
    /// row alone (MiniT2I).
    case filledWithModelRow

    /// Whether the model has rows of its own for no text.
    var hasOwnRows: Bool {
        switch self {
        case .allRows, .ownTokens: false
        case .ownTokensOrModelRows, .filledWithModelRow: true
        }
    }
}

/// The marks of a model's own rows, one for each number of rows, so that a denoiser computes them once for a batch.
final class OwnRows: Sendable {
    private let known = Mutex<[Int: TextRows]>([:])

    /// The mark for an image with a prompt.
    ///
    /// - Parameter prompt: The rows of the prompt.
    func rows(like prompt: TextRows?, of reading: TextReading, length: Int) -> TextRows {
        let count = reading == .filledWithModelRow ? length : prompt?.count ?? length
        return known.withLock { known in
            let rows = known[count] ?? TextRows(ownOfModel: count)
            known[count] = rows
            return rows
        }
    }
}
