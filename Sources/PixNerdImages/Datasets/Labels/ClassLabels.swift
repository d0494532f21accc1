import PixNerdSupport

/// The class of one image as a file says it.
enum FoundLabel: Sendable, Equatable {
    case number(Int)
    case name(String)
    /// The text of a table's cell: a number if those of all images are, else a name.
    case cell(String)

    /// Numbers of classes from this one on are considered a mistake.
    static let largestCount = 1_000_000
    /// The bytes that the name of a class may have, as many as that of a class folder.
    static let longestName = 255

    /// - Parameter place: the name of the place in errors, such as "labels.csv, line 3,".
    /// - Returns: nil if the value is that of an image without a label.
    /// - Throws: `PixNerdError` if the value is neither text nor the number of a class.
    init?(_ value: TableValue, in place: @autoclosure () -> String) throws {
        switch value {
        case .nothing, .text(""): return nil
        case .text(let text), .cell(let text):
            guard text.utf8.count <= Self.longestName else {
                throw PixNerdError(
                    .malformed, "\(place())", found: "has a label of \(text.utf8.count) bytes",
                    expected: "the name of a class, of at most \(Self.longestName) bytes")
            }
            if case .cell = value { self = .cell(text) } else { self = .name(text) }
        case .number(let number):
            try Self.check(number, in: place())
            self = .number(number)
        case .texts, .other:
            throw PixNerdError(
                .unsupported, "\(place())", found: "has something other than a name or a whole number as its label",
                expected: "one class for each image")
        }
    }

    static func check(_ number: Int, in place: @autoclosure () -> String) throws {
        guard !(0..<largestCount).contains(number) else { return }
        throw PixNerdError(
            .malformed, "\(place())", found: "has the label \(number)",
            expected: "the number of a class, from 0 to \(largestCount - 1)")
    }

    /// The number that a label stands for if all are numbers; nil for a name.
    var number: Int? {
        switch self {
        case .number(let number): return number
        case .name: return nil
        case .cell(let text):
            if let number = Int(text) { return number }
            // Tables in which a value is missing are often written with numbers such as 3.0.
            guard text.hasSuffix(".0") else { return nil }
            return Int(text.dropLast(2))
        }
    }

    var text: String {
        switch self {
        case .number(let number): String(number)
        case .name(let text), .cell(let text): text
        }
    }

    /// By bytes: Swift takes two spellings of a letter as equal.
    func isSame(as other: FoundLabel) -> Bool { text.utf8.elementsEqual(other.text.utf8) }
}

/// Classes with their names, and the class of each image.
struct ClassLabels {
    let classes: [String]
    /// The classes of the images; nil for an image without a label.
    let labels: [Int?]

    /// Numbers stay what they are; names are numbered in the order of their code points.
    ///
    /// - Parameters:
    ///   - found: the label of each image; nil for none. At least one is there.
    ///   - source: the name of the file in errors.
    ///   - place: the name of the place of an image's label in errors.
    ///   - names: returns the names of at least a number of classes.
    /// - Throws: `PixNerdError` if a number is out of bounds, or if some labels are names and others numbers.
    init(
        _ found: [FoundLabel?], source: String, place: (Int) -> String, names: (_ count: Int) throws -> [String]
    ) throws {
        let present = found.lazy.compactMap { $0 }
        let name = present.first {
            if case .name = $0 { true } else { false }
        }
        let number = present.first {
            if case .number = $0 { true } else { false }
        }
        let word = name ?? present.first { $0.number == nil }
        if let word, let number {
            throw PixNerdError(
                .malformed, "\(source)",
                found: "has both numbers, such as \(number.text), and names, such as \(word.text), as labels",
                expected: "one kind of them")
        }
        guard word == nil else {
            let sorted = sortedOnce(present.map(\.text))
            guard sorted.count <= FoundLabel.largestCount else {
                throw PixNerdError(
                    .malformed, "\(source)", found: "has \(sorted.count) different labels",
                    expected: "at most \(FoundLabel.largestCount)")
            }
            classes = sorted
            labels = found.map { label in
                label.map { label in index(of: label.text, count: sorted.count) { sorted[$0] }! }
            }
            return
        }
        for (image, label) in found.enumerated() {
            if let number = label?.number { try FoundLabel.check(number, in: place(image)) }
        }
        classes = try names((present.compactMap(\.number).max() ?? 0) + 1)
        labels = found.map { $0?.number }
    }
}

/// The names of classes that have numbers: the lines of `classes.txt` or `classnames.txt`.
enum ClassNames {
    static let files = ["classes.txt", "classnames.txt"]

    /// The names of at least `count` classes: the lines of a file, or else the numbers.
    ///
    /// - Parameters:
    ///   - path: the path of a file that may be there.
    ///   - subject: what has the classes, in the error, such as "the shards have".
    ///   - bytes: the contents of the file; nil if there is none.
    /// - Throws: `PixNerdError` if there are fewer lines.
    static func names(count: Int, in path: String, _ subject: String, bytes: [UInt8]?) throws -> [String] {
        guard let bytes else { return (0..<count).map(String.init) }
        var names = String(decoding: bytes, as: UTF8.self)
            .split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
            .map { $0.trimmingCharacters(in: .whitespaces) }
        while names.last?.isEmpty == true { names.removeLast() }
        guard names.count >= count else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "names \(counted(names.count, "class", plural: "classes")), but \(subject) class \(count - 1)",
                expected: "a line for each class from 0 on")
        }
        return names
    }
}
