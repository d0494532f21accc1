import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of a text encoder with a PyTorch reference: `ids` and `mask` or `keep` [P, L] as integers, `hidden` or
/// `states` [P, L, E] after the last norm.
///
/// Optionally also `long_ids` [P, M] with `long_states` [P, M, E], texts without padding; and for an encoder that gives
/// rows of padding `empty_sees_nothing` and `empty_sees_all` [1, L, E], those of the empty prompt. Rows of padding that the
/// encoder does not give are not compared.
public struct TextEncoderCheck {
    private let encoder: any TextEncoderModel
    private let reference: SafetensorsFile
    private let tolerance: Double

    private static let masks = ["mask", "keep"]
    private static let rows = ["hidden", "states"]

    /// Whether a file is a reference for a text encoder.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        file.shape(of: "ids") != nil && masks.contains { file.shape(of: $0) != nil }
            && rows.contains { file.shape(of: $0) != nil }
    }

    public init(_ encoder: any TextEncoderModel, reference: SafetensorsFile, tolerance: Double) {
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
        let mask = Self.masks.first { reference.shape(of: $0) != nil } ?? "mask"
        let rows = Self.rows.first { reference.shape(of: $0) != nil } ?? "hidden"
        let texts = try Texts(reference, mask: mask)
        let recorded = reference.metadata["empty_prompt"]
        guard let convention = EmptyPrompt(rawValue: recorded ?? EmptyPrompt.seesNothing.rawValue) else {
            throw PixNerdError(
                .invalidValue, "\(reference.path): empty_prompt", found: "is '\(recorded ?? "")'",
                expected: EmptyPrompt.allCases.map(\.rawValue).joined(separator: " or ").errorText)
        }
        let hidden = try comparison(rows, texts, convention)
        return try [hidden] + long() + empties(texts)
    }

    private func long() throws -> [Comparison] {
        guard reference.shape(of: "long_ids") != nil, reference.shape(of: "long_states") != nil else { return [] }
        return [try comparison("long_states", Texts(reference, ids: "long_ids", mask: nil), .seesNothing)]
    }

    /// Compares the rows of the empty prompt.
    private func empties(_ texts: Texts) throws -> [Comparison] {
        guard encoder.architecture.givesPadding else { return [] }
        let padded = [(name: "empty_sees_nothing", EmptyPrompt.seesNothing), ("empty_sees_all", .seesPadding)]
        return try padded.filter { reference.shape(of: $0.name) != nil }.map { name, convention in
            guard let padding = texts.padding else {
                throw PixNerdError(
                    .mismatch, "\(reference.path)", found: "has \(name) and no padded prompt to take padding from",
                    advice: "add the empty prompt to ids and mask")
            }
            let ids = Array(repeating: padding, count: texts.length)
            return try comparison(name, Texts(ids: [ids], counts: [0]), convention)
        }
    }

    private func comparison(_ name: String, _ texts: Texts, _ convention: EmptyPrompt) throws -> Comparison {
        let rows = try encoder(texts.ids, counts: texts.counts, emptyPrompt: convention)
        let expected = try reference.tensor(name)
        guard expected.shape == rows.shape else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(expected.shape)",
                expected: "\(rows.shape) for an encoder of width \(encoder.architecture.width)")
        }
        guard !encoder.architecture.givesPadding else {
            return Comparison(name, rows.values, expected.values, tolerance: tolerance)
        }
        func own(_ rows: Tensor) -> [Float] {
            let (values, width) = (rows.values, encoder.architecture.width)
            return texts.counts.enumerated().flatMap { text, count in
                values[text * texts.length * width..<(text * texts.length + count) * width]
            }
        }
        return Comparison(name, own(rows), own(expected), tolerance: tolerance)
    }

    /// The prompts of a reference.
    private struct Texts {
        let length: Int
        let ids: [[Int]]
        let counts: [Int]

        init(ids: [[Int]], counts: [Int]) {
            (length, self.ids, self.counts) = (ids.first?.count ?? 0, ids, counts)
        }

        /// - Parameter name: the name of the mask; nil for texts without padding.
        init(_ reference: SafetensorsFile, ids idsName: String = "ids", mask name: String?) throws {
            let shape = reference.shape(of: idsName) ?? []
            let maskShape = name.map { reference.shape(of: $0) ?? [] } ?? shape
            guard shape.count == 2, !shape.contains(0), maskShape == shape else {
                throw PixNerdError(
                    .mismatch, "\(reference.path):",
                    found: "\(idsName) has the shape \(shape), and \(name ?? "mask") \(maskShape)",
                    expected: "[P, L] for both")
            }
            let (length, ids) = (shape[1], try reference.integers(idsName))
            let mask = try name.map { try reference.integers($0) } ?? Array(repeating: 1, count: ids.count)
            let rows = (0..<shape[0]).map { $0 * length..<($0 + 1) * length }
            self.length = length
            self.ids = rows.map { Array(ids[$0]) }
            counts = try rows.map { row in
                let count = mask[row].prefix { $0 == 1 }.count
                guard mask[row].dropFirst(count).allSatisfy({ $0 == 0 }) else {
                    throw PixNerdError(
                        .unsupported, "\(reference.path): \(name ?? "mask")", found: "has a row that is not ones and then zeros",
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
