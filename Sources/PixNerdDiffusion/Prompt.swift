/// The content that a user asks for. A `Conditioner` turns prompts into a denoiser's condition.
public struct Prompt: Sendable, Hashable, CustomStringConvertible {
    private enum Content: Sendable {
        /// Classes by their numbers, ascending.
        case labels([Int])
        case text(String)
    }

    private let content: Content
    /// The numbers that are asked for besides, such as an age, in the order of the model's values; nil for a value that
    /// is left open. Empty if all are.
    public private(set) var values: [Double?] = []

    private init(_ content: Content) { self.content = content }

    /// A class by its number.
    public static func label(_ label: Int) -> Prompt { Prompt(.labels([label])) }

    /// Classes by their numbers, in any order; none for an image of no class.
    public static func labels(_ labels: [Int]) -> Prompt { Prompt(.labels(Set(labels).sorted())) }

    /// A description in words.
    public static func text(_ text: String) -> Prompt { Prompt(.text(text)) }

    /// The number of the class; nil for a text, and for several classes or none.
    public var label: Int? { labels.flatMap { $0.count == 1 ? $0[0] : nil } }

    /// The numbers of the classes, ascending; nil for a text.
    public var labels: [Int]? { if case .labels(let labels) = content { labels } else { nil } }

    /// The description; nil for classes.
    public var text: String? { if case .text(let text) = content { text } else { nil } }

    /// A prompt of the same classes or text with other numbers; nil for a value that is left open.
    public func with(values: [Double?]) -> Prompt {
        var prompt = self
        prompt.values = values.contains { $0 != nil } ? values : []
        return prompt
    }

    /// The classes or the text, and the values; the same in every process, and different for different prompts.
    public var description: String {
        let numbers = values.isEmpty ? "" : " with \(values.map { $0.map { "\($0)" } ?? "none" })"
        return switch content {
        case .labels(let labels): "classes \(labels)\(numbers)"
        case .text(let text): "text \(text)\(numbers)"
        }
    }

    /// Texts are the same if their bytes are: a text encoder tells the two spellings of an accented letter apart, which
    /// Swift's == does not.
    public static func == (one: Prompt, other: Prompt) -> Bool {
        guard one.values == other.values else { return false }
        switch (one.content, other.content) {
        case (.labels(let one), .labels(let other)): return one == other
        case (.text(let one), .text(let other)): return one.utf8.elementsEqual(other.utf8)
        default: return false
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(values)
        switch content {
        case .labels(let labels): hasher.combine(labels)
        case .text(let text): for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}
