/// A text that a PNG file holds beside its pixels.
public struct PNGText: Sendable, Equatable {
    /// What the text is, such as `parameters`: 1 to 79 ASCII characters.
    public let keyword: String
    public let text: String

    public init(keyword: String, text: String) {
        precondition(
            (1...79).contains(keyword.utf8.count) && keyword.utf8.allSatisfy { (32..<127).contains($0) },
            "PNGText: the keyword '\(keyword)'")
        (self.keyword, self.text) = (keyword, text)
    }
}
