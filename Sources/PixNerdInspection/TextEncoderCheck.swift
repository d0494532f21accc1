import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of a text encoder with a PyTorch reference: `ids` and `mask` [P, L] as integers, `hidden` [P, L, E] after
/// the last norm, and optionally `empty_sees_nothing` and `empty_sees_all` [1, L, E], the rows of the empty prompt.
public struct TextEncoderCheck {
    private let encoder: Qwen3
    private let reference: SafetensorsFile
    private let tolerance: Double

    /// Whether a file is a reference for a text encoder.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        ["ids", "mask", "hidden"].allSatisfy { file.shape(of: $0) != nil }
    }

    public init(_ encoder: Qwen3, reference: SafetensorsFile, tolerance: Double) {
        self.encoder = encoder
        self.reference = reference
        self.tolerance = tolerance
    }

    /// Compares all rows that the reference has.
    ///
    /// Rows of empty prompts in `hidden` are taken to see what the file's metadata `empty_prompt` says, or else nothing.
    ///
    /// - Throws: `PixNerdError` if a tensor does not fit the encoder, padding is not at the end, or the encoder's file
    ///   cannot be read.
    public func comparisons() throws -> [Comparison] {
        let texts = try Texts(reference)
        let recorded = reference.metadata["empty_prompt"]
        guard let convention = EmptyPrompt(rawValue: recorded ?? EmptyPrompt.seesNothing.rawValue) else {
            throw PixNerdError(
                .invalidValue, "\(reference.path): empty_prompt", found: "is '\(recorded ?? "")'",
                expected: EmptyPrompt.allCases.map(\.rawValue).joined(separator: " or ").errorText)
        }
        let hidden = try comparison("hidden", encoder(texts.ids, counts: texts.counts, emptyPrompt: convention))
        let padded = [(name: "empty_sees_nothing", EmptyPrompt.seesNothing), ("empty_sees_all", .seesPadding)]
        let empties = try padded.filter { reference.shape(of: $0.name) != nil }.map { name, convention in
            guard let padding = texts.padding else {
                throw PixNerdError(
                    .mismatch, "\(reference.path)", found: "has \(name) and no padded prompt to take padding from",
                    advice: "add the empty prompt to ids and mask")
            }
            let ids = Array(repeating: padding, count: texts.length)
            return try comparison(name, encoder([ids], counts: [0], emptyPrompt: convention))
        }
        return [hidden] + empties
    }

    private func comparison(_ name: String, _ rows: Tensor) throws -> Comparison {
        let expected = try reference.tensor(name)
        guard expected.shape == rows.shape else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(expected.shape)",
                expected: "\(rows.shape) for an encoder of width \(encoder.architecture.width)")
        }
        return Comparison(name, rows.values, expected.values, tolerance: tolerance)
    }

    /// The prompts of a reference.
    private struct Texts {
        let length: Int
        let ids: [[Int]]
        let counts: [Int]

        init(_ reference: SafetensorsFile) throws {
            let shape = reference.shape(of: "ids") ?? []
            guard shape.count == 2, !shape.contains(0), reference.shape(of: "mask") == shape else {
                throw PixNerdError(
                    .mismatch, "\(reference.path):",
                    found: "ids has the shape \(shape), and mask \(reference.shape(of: "mask") ?? [])",
                    expected: "[P, L] for both")
            }
            let (length, ids, mask) = (shape[1], try reference.integers("ids"), try reference.integers("mask"))
            let rows = (0..<shape[0]).map { $0 * length..<($0 + 1) * length }
            self.length = length
            self.ids = rows.map { Array(ids[$0]) }
            counts = try rows.map { row in
                let count = mask[row].prefix { $0 == 1 }.count
                guard mask[row].dropFirst(count).allSatisfy({ $0 == 0 }) else {
                    throw PixNerdError(
                        .unsupported, "\(reference.path): mask", found: "has a row that is not ones and then zeros",
                        expected: "padding at the end of each prompt")
                }
                return count
            }
        }

        /// The id of padding; nil if no prompt has any.
        var padding: Int? { zip(ids, counts).first { $1 < length }?.0.last }
    }
}

extension String {
    fileprivate var errorText: ErrorText { ErrorText(self) }
}
