import Foundation
import PixNerdTestSupport
import PixNerdText

/// Files of `Tests/Fixtures/t2i`, which `make_tokenizer_fixtures.py` makes with the tokenizers library.
enum TextFixtures {
    static let tokenizer = Fixtures.path("t2i/qwen3")

    /// A prompt and its ids.
    struct Prompt: Decodable {
        let prompt: String
        let ids: [Int]
    }

    /// A text and its pieces as the library spells them.
    struct Split: Decodable {
        let text: String
        let pieces: [String]
    }

    static func read<Value: Decodable>(_ name: String, as type: Value.Type = Value.self) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("t2i/\(name)"))))
    }

    static func prompts() throws -> [Prompt] { try read("prompts.json") }

    /// Qwen3's own `tokenizer.json`, where `scripts/fetch_tokenizer.sh` puts it.
    static let published = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent(".build/tokenizers/qwen3").path

    static var hasPublished: Bool { FileManager.default.fileExists(atPath: "\(published)/tokenizer.json") }
}
