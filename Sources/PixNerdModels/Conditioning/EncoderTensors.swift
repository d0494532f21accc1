import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// Checks that a source has all tensors of a text encoder in their shapes, and no unknown ones.
///
/// - Parameter isIgnored: Whether a tensor may be there though it is not needed.
/// - Throws: `CheckpointMismatch` with all that is wrong, or `PixNerdError` if a tensor is of a type that is not supported.
func checkEncoderTensors(
    _ expected: [(name: String, shape: [Int])], in source: any StoredTensors, isIgnored: (String) -> Bool
) throws {
    let known = Set(expected.map(\.name))
    let missing = expected.filter { source.shape(of: $0.name) == nil }.map(\.name)
    let misshapen = expected.compactMap { name, shape in
        source.shape(of: name).flatMap { $0 == shape ? nil : (name: name, found: $0, expected: shape) }
    }
    let unexpected = source.names.filter { !known.contains($0) && !isIgnored($0) }
    guard missing.isEmpty, misshapen.isEmpty, unexpected.isEmpty else {
        throw CheckpointMismatch(origin: source.origin, missing: missing, unexpected: unexpected, misshapen: misshapen)
    }
    let types: [ElementType] = [.float32, .float16, .bfloat16]
    for (name, _) in expected {
        guard let type = source.elementType(of: name), !types.contains(type) else { continue }
        throw PixNerdError(
            .unsupported, "\(source.origin):", found: "the tensor \(name) is of the type \(type.rawValue)",
            expected: "F32, F16 or BF16")
    }
}

/// The rows of tokens in a table, [N, E], read one by one.
///
/// - Parameter ids: Rows of the table, N of them.
func encoderRows(of ids: [Int], in table: StoredElements, width: Int) -> Tensor {
    var out = Tensor(uninitialized: [ids.count, width])
    out.withUnsafeMutableBuffer { out in
        for (row, id) in ids.enumerated() {
            table.floats(from: id * width, into: .init(rebasing: out[row * width..<(row + 1) * width]))
        }
    }
    return out
}

/// Checks the tokens of texts.
///
/// - Parameters:
///   - counts: Number of tokens of each text that are no padding.
///   - vocabulary: Rows of the table of tokens.
/// - Returns: the length L of all texts.
/// - Throws: `PixNerdError` if an id is not in the table, or numbers do not fit.
func checkedLength(_ ids: [[Int]], counts: [Int], vocabulary: Int, origin: String) throws -> Int {
    let length = ids.first?.count ?? 0
    guard length > 0, ids.allSatisfy({ $0.count == length }), length <= SizeLimits.width else {
        throw PixNerdError(
            .invalidValue, found: "there are \(ids.count) texts of \(Set(ids.map(\.count)).sorted()) tokens",
            expected: "at least one text, and 1 to \(SizeLimits.width) tokens, as many in all texts")
    }
    guard counts.count == ids.count, counts.allSatisfy({ 0...length ~= $0 }) else {
        throw PixNerdError(
            .invalidValue, found: "the numbers of tokens before padding are \(counts)",
            expected: "\(ids.count) numbers from 0 to \(length)")
    }
    if let id = ids.joined().first(where: { !(0..<vocabulary).contains($0) }) {
        throw PixNerdError(
            .mismatch, "\(origin)",
            found: "has rows for \(vocabulary) tokens, and the text has the token \(id)",
            advice: "use the tokenizer that belongs to the encoder")
    }
    return length
}

/// Why the JSON of a configuration could not be read, as a clause.
func configurationProblem(_ error: DecodingError) -> String {
    func name(_ path: [any CodingKey]) -> String {
        path.map { key in
            key.stringValue.map { $0.isUppercase ? "_\($0.lowercased())" : "\($0)" }.joined()
        }.joined(separator: ".")
    }
    switch error {
    case .keyNotFound(let key, let context):
        return "it lacks \(name(context.codingPath + [key]))"
    case .typeMismatch(_, let context), .valueNotFound(_, let context):
        let key = name(context.codingPath)
        return key.isEmpty ? "it is not a JSON object" : "its \(key) has another type than expected"
    case .dataCorrupted(let context):
        let key = name(context.codingPath)
        return key.isEmpty ? "it is not JSON" : "its \(key) is not a possible value"
    @unknown default: return "it cannot be read"
    }
}
