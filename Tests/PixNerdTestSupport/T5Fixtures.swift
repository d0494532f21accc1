import Foundation

/// Files of `Tests/Fixtures/t5`. The map of characters, which all tokenizers have and which is most of them, is stored once
/// and put into their files here.
public enum T5Fixtures {
    /// A small T5 with its tokenizer.
    public enum Encoder: String, CaseIterable, Sendable {
        /// An encoder alone, with a tokenizer without further tokens.
        case plain
        /// A whole model with its decoder, with a tokenizer of further tokens.
        case flan

        public func path(_ name: String) -> String { Fixtures.path("t5/\(rawValue)/\(name)") }
    }

    /// The names of the files of a tokenizer.
    public static let names = ["spiece.model", "tokenizer.json"]

    /// A prompt and its tokens.
    public struct Prompt: Decodable, Sendable {
        public let text: String
        /// Without the one of the end.
        public let pieces: [Int]
        public let padded: [Int]
    }

    public static func prompts(_ encoder: Encoder) throws -> [Prompt] {
        try JSONDecoder().decode(
            [Prompt].self, from: Data(contentsOf: URL(fileURLWithPath: encoder.path("tokens.json"))))
    }

    public static func characters() throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("t5/characters.bin"))))
    }

    /// The bytes of a file of a tokenizer.
    ///
    /// - Parameter characters: its map of characters; nil for the usual one.
    public static func tokenizer(_ encoder: Encoder, _ name: String, characters: [UInt8]? = nil) throws -> [UInt8] {
        let map = try characters ?? self.characters()
        if name == "spiece.model" {
            let pieces = Array(try Data(contentsOf: URL(fileURLWithPath: encoder.path("pieces.model"))))
            return pieces + field(3, field(1, Array("nmt_nfkc".utf8)) + field(2, map))
        }
        let text = try String(contentsOfFile: encoder.path("pieces.json"), encoding: .utf8)
        return Array(text.replacingOccurrences(of: "\"@\"", with: "\"\(Data(map).base64EncodedString())\"").utf8)
    }

    /// Writes a file of a tokenizer into a folder, which is made.
    public static func writeTokenizer(_ encoder: Encoder, _ name: String, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(tokenizer(encoder, name)).write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }

    /// Copies weights and sizes into a folder, which is made.
    public static func copyModel(_ encoder: Encoder, to folder: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for name in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(atPath: encoder.path(name), toPath: "\(folder)/\(name)")
        }
    }

    /// A field of a Protocol Buffers message whose value is bytes.
    public static func field(_ number: UInt8, _ bytes: [UInt8]) -> [UInt8] {
        [number << 3 | 2] + varint(UInt64(bytes.count)) + bytes
    }

    public static func varint(_ value: UInt64) -> [UInt8] {
        var (rest, bytes) = (value, [UInt8]())
        while rest > 0x7f {
            bytes.append(UInt8(rest & 0x7f) | 0x80)
            rest >>= 7
        }
        return bytes + [UInt8(rest)]
    }
}
