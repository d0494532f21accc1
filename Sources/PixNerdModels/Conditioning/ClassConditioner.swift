import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSupport

/// Conditions a denoiser on class labels.
public struct ClassConditioner: Conditioner {
    /// Number of classes.
    public let classes: Int
    /// Class names by label; may be fewer than `classes`.
    public let names: [String]

    /// - Parameters:
    ///   - names: Class names by label; nil to name classes by their numbers.
    ///   - origin: The file that errors name.
    /// - Throws: `PixNerdError` if there are more names than classes.
    public init(classes: Int, names: [String]? = nil, origin: String = "the model") throws {
        let names = names ?? (0..<classes).map(String.init)
        guard names.count <= classes else {
            throw PixNerdError(
                .mismatch, "\(origin)", found: "names \(names.count) classes, more than the \(classes) of its model")
        }
        self.classes = classes
        self.names = names
    }

    public var promptKind: PromptKind { .classes }
    public var allPrompts: [Prompt] { (0..<classes).map(Prompt.label) }

    public func condition(_ prompts: [Prompt], isDropped: (_ position: Int) -> Bool) throws -> any Condition {
        ClassCondition(
            try prompts.enumerated().map { position, prompt in
                guard case .label(let label) = prompt, (0..<classes).contains(label) else {
                    throw PixNerdError(
                        .invalidValue, "\(Setting.classes):", found: "\(name(of: prompt)) is out of range",
                        expected: "a class from 0 to \(classes - 1)")
                }
                return isDropped(position) ? nil : label
            })
    }

    public func prompt(from text: String) throws -> Prompt {
        if let label = try label(named: text) { return .label(label) }
        guard let number = Int(text) else {
            throw PixNerdError(
                .notFound, "\(Setting.classes):", found: "there is no class '\(text)'",
                expected: "one of \(Self.list(names)), or a number from 0 to \(classes - 1)")
        }
        guard (0..<classes).contains(number) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.classes):", found: "\(number) is out of range",
                expected: "a class from 0 to \(classes - 1)")
        }
        return .label(number)
    }

    /// The class of a name, compared by bytes. Swift's == takes the two spellings of an accented letter, of Linux and of
    /// macOS, as equal; such a name is understood where it can only mean one class.
    private func label(named text: String) throws -> Int? {
        if let exact = names.firstIndex(where: { $0.utf8.elementsEqual(text.utf8) }) { return exact }
        let alike = names.indices.filter { names[$0] == text }
        guard alike.count > 1 else { return alike.first }
        throw PixNerdError(
            .invalidValue, "\(Setting.classes):",
            found: "'\(text)' is the name of \(alike.count) classes, which differ only in how accents are stored",
            advice: "use their numbers, \(alike.map(String.init).joined(separator: " and "))")
    }

    private static func list(_ names: [String]) -> String {
        listed(names.prefix(12), of: names.count)
    }

    public func name(of prompt: Prompt) -> String {
        guard let label = prompt.label else { return prompt.text ?? "" }
        return names.indices.contains(label) ? names[label] : String(label)
    }

    public func condition(
        readFrom reference: SafetensorsFile, prefix: String, count: Int
    ) throws -> any Condition {
        let labels = try reference.integers("\(prefix)y")
        guard labels.count == count, labels.allSatisfy({ (0...classes).contains($0) }) else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "\(prefix)y holds \(labels.count) labels",
                expected: "\(count) labels from 0 to \(classes), one per image")
        }
        return ClassCondition(labels)
    }
}
