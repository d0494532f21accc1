import PixNerdDiffusion
import PixNerdSupport

/// The texts that stand for classes.
extension ClassConditioner {
    /// Joins the names of several classes of an image; alone, it stands for an image of no class.
    private static let joint: Character = "+"

    /// A class by name or number; or several joined by +, or + alone for none. What is the name of a class is that class.
    public func prompt(from text: String) throws -> Prompt {
        if let label = try label(from: text) { return .label(label) }
        if let labels = try labels(joinedIn: text) {
            guard takesSets || labels.count == 1 else { throw singleClassesOnly(text) }
            return .labels(labels)
        }
        if Int(text) != nil {
            throw PixNerdError(
                .invalidValue, "\(Setting.classes):", found: "\(text) is out of range",
                expected: "a class from 0 to \(classes - 1)")
        }
        let several: ErrorText = takesSets ? ", or several of them joined by \(Self.joint)" : ""
        throw PixNerdError(
            .notFound, "\(Setting.classes):", found: "there is no class '\(text)'",
            expected: "one of \(listed(names, nearestTo: text)), or a number from 0 to \(classes - 1)"
                + several)
    }

    /// The class of a name or number; nil if there is none.
    private func label(from text: String) throws -> Int? {
        try label(named: text) ?? Int(text).flatMap { (0..<classes).contains($0) ? $0 : nil }
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

    /// The most places in a text at which it may be divided.
    private static let mostJoints = 256

    /// The classes whose names or numbers a text joins; nil if some part of it names none.
    ///
    /// Names may have the joint themselves. Of several divisions the one with the longest first name counts.
    private func labels(joinedIn text: String) throws -> [Int]? {
        guard text != String(Self.joint) else { return [] }
        let pieces = text.split(separator: Self.joint, omittingEmptySubsequences: false)
        guard (2...Self.mostJoints).contains(pieces.count) else { return nil }
        // The classes of what follows each joint, from the last one on.
        var rest = [[Int]?](repeating: nil, count: pieces.count) + [[]]
        for start in pieces.indices.reversed() {
            for end in (start + 1...pieces.count).reversed() {
                guard let others = rest[end] else { continue }
                let name = pieces[start..<end].joined(separator: String(Self.joint))
                guard let label = try label(from: name.trimmed) else { continue }
                rest[start] = [label] + others
                break
            }
        }
        return rest[0].map { Set($0).sorted() }
    }

    /// The names of the classes, and the values; with values and a single class there is no more to say than these.
    public func name(of prompt: Prompt) -> String {
        let asked = valueTexts(prompt)
        guard classes > 1 || takesSets || asked.isEmpty else { return asked.joined(separator: " ") }
        return ([className(of: prompt)] + asked).joined(separator: " ")
    }

    private func className(of prompt: Prompt) -> String {
        guard let labels = prompt.labels else { return prompt.text ?? "" }
        guard !labels.isEmpty else { return "no class" }
        return labels.map(name(ofLabel:)).joined(separator: String(Self.joint))
    }

    private func name(ofLabel label: Int) -> String { names.indices.contains(label) ? names[label] : String(label) }

    public func fileName(of prompt: Prompt) -> String {
        var name = prompt.labels == [] ? "no-class" : className(of: prompt)
        if let labels = prompt.labels, labels.count != 1 {
            // A single class may have this name, or the names may be divided in another way.
            let isDistinct = !names.contains(name) && !labels.contains { self.name(ofLabel: $0).contains(Self.joint) }
            if !isDistinct { name = "classes-" + labels.map(String.init).joined(separator: String(Self.joint)) }
        }
        return ([name] + valueTexts(prompt)).joined(separator: "-")
    }
}

extension String {
    /// The text without spaces around it.
    fileprivate var trimmed: String {
        guard let first = firstIndex(where: { $0 != " " }), let last = lastIndex(where: { $0 != " " }) else {
            return ""
        }
        return String(self[first...last])
    }
}
