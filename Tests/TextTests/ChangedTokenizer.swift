import Foundation

/// Copies of the small tokenizer with something else in them.
enum ChangedTokenizer {
    /// Writes a copy.
    ///
    /// - Parameters:
    ///   - path: the file to write.
    ///   - change: receives the whole of `tokenizer.json`.
    static func write(to path: String, _ change: (inout [String: Any]) throws -> Void) throws {
        let original = URL(fileURLWithPath: "\(TextFixtures.tokenizer)/tokenizer.json")
        var settings = try JSONSerialization.jsonObject(with: Data(contentsOf: original)) as! [String: Any]
        try change(&settings)
        try JSONSerialization.data(withJSONObject: settings, options: [.sortedKeys]).write(
            to: URL(fileURLWithPath: path))
    }

    /// The part of a tokenizer at a key, to be changed in place.
    static func model(_ settings: inout [String: Any], _ change: (inout [String: Any]) -> Void) {
        var model = settings["model"] as! [String: Any]
        change(&model)
        settings["model"] = model
    }

    /// An entry of `added_tokens`.
    static func addedToken(
        _ content: String, id: Int, isNormalized: Bool = false, _ others: [String: Any] = [:]
    ) -> [String: Any] {
        let entry: [String: Any] = [
            "content": content, "id": id, "normalized": isNormalized, "special": false, "lstrip": false,
            "rstrip": false, "single_word": false,
        ]
        return entry.merging(others) { $1 }
    }
}
