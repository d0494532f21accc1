/// The content that a user asks for. A `Conditioner` turns prompts into a denoiser's condition.
public enum Prompt: Sendable, Hashable {
    /// A class by its number.
    case label(Int)
    /// A description in words.
    case text(String)

    /// The number of the class; nil for a text.
    public var label: Int? { if case .label(let label) = self { label } else { nil } }

    /// The description; nil for a class.
    public var text: String? { if case .text(let text) = self { text } else { nil } }

    /// Texts are the same if their bytes are: a text encoder tells the two spellings of an accented letter apart, which
    /// Swift's == does not.
    public static func == (one: Prompt, other: Prompt) -> Bool {
        switch (one, other) {
        case (.label(let one), .label(let other)): one == other
        case (.text(let one), .text(let other)): one.utf8.elementsEqual(other.utf8)
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .label(let label): hasher.combine(label)
        case .text(let text): for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}
