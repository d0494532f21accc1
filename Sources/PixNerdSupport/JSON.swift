import Foundation

/// JSON encoders and decoders for this package's files and printed output: sorted keys, unescaped slashes, and numbers
/// that are not finite as the strings `inf`, `-inf` and `nan`.
package enum JSON {
    /// - Parameters:
    ///   - isPretty: puts each key on its own line instead of everything on one line.
    ///   - snakeCase: writes `camelCase` property names as `snake_case`.
    package static func encoder(isPretty: Bool = false, snakeCase: Bool = false) -> JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if isPretty { encoder.outputFormatting.insert(.prettyPrinted) }
        if snakeCase { encoder.keyEncodingStrategy = .convertToSnakeCase }
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return encoder
    }

    package static func decoder(snakeCase: Bool = false) -> JSONDecoder {
        let decoder = JSONDecoder()
        if snakeCase { decoder.keyDecodingStrategy = .convertFromSnakeCase }
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return decoder
    }

    /// Writes a value as pretty-printed JSON.
    package static func write(_ value: some Encodable, to path: String) throws {
        try AtomicFile.write(try encoder(isPretty: true).encode(value), to: path)
    }

    /// A value as JSON text.
    package static func text(_ value: some Encodable, isPretty: Bool = false) throws -> String {
        String(decoding: try encoder(isPretty: isPretty).encode(value), as: UTF8.self)
    }

    /// The value that JSON text holds; nil if the text cannot be decoded as one.
    package static func value<Value: Decodable>(_ type: Value.Type, from text: String) -> Value? {
        try? decoder().decode(type, from: Data(text.utf8))
    }
}
