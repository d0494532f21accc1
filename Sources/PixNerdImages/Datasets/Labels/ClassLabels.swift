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

    /// The labels that a value stands for: one, several, or none at all for an empty list; nil if there is no value.
    ///
    /// - Parameter place: the name of the place in errors, such as "labels.csv, line 3,".
    /// - Throws: `PixNerdError` if the value is neither text, nor the number of a class, nor a list of them.
    static func all(_ value: TableValue, in place: @autoclosure () -> String) throws -> [FoundLabel]? {
        func name(_ text: String) throws -> String {
            guard text.utf8.count > longestName else { return text }
            throw PixNerdError(
                .malformed, "\(place())", found: "has a label of \(text.utf8.count) bytes",
                expected: "the name of a class, of at most \(longestName) bytes")
        }
        switch value {
        case .nothing, .text(""): return nil
        case .text(let text): return [.name(try name(text))]
        case .cell(let text): return [.cell(try name(text))]
        case .texts(let texts): return try texts.filter { !$0.isEmpty }.map { .name(try name($0)) }
        case .number(let number):
            try check(number, in: place())
            return [.number(number)]
        case .numbers(let numbers):
            for number in numbers { try check(number, in: place()) }
            return numbers.map { .number($0) }
        case .fraction, .other:
            throw PixNerdError(
                .unsupported, "\(place())", found: "has something other than a name or a whole number as its label",
                expected: "a class, or a list of classes")
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

    /// Whether two images' labels are the same, in any order. By bytes: Swift takes two spellings of a letter as equal.
    static func areSame(_ labels: [FoundLabel], _ others: [FoundLabel]) -> Bool {
        let (one, other) = (sortedOnce(labels.map(\.text)), sortedOnce(others.map(\.text)))
        return one.elementsEqual(other) { $0.utf8.elementsEqual($1.utf8) }
    }
}

/// Classes with their names, and the classes of each image.
struct ClassLabels {
    let classes: [String]
    /// The classes of the images, the lowest of several; nil for an image without a label.
    let labels: [Int?]
    /// All classes of the images that have several, ascending, or none at all.
    let several: [Int: [Int]]

    /// Numbers stay what they are; names are numbered in the order of their code points.
    ///
    /// - Parameters:
    ///   - first: the first label of each image; nil for none.
    ///   - further: the other labels of images that have several; empty for an image that has none at all.
    ///   - source: the name of the file in errors.
    ///   - place: the name of the place of an image's label in errors.
    ///   - names: returns the names of at least a number of classes.
    /// - Throws: `PixNerdError` if a number is out of bounds, or if some labels are names and others numbers.
    init(
        _ first: [FoundLabel?], further: [Int: [FoundLabel]], source: String, place: (Int) -> String,
        names: (_ count: Int) throws -> [String]
    ) throws {
        let present = first.compactMap { $0 } + further.sorted { $0.key < $1.key }.flatMap(\.value)
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
        let label: (FoundLabel) -> Int
        if word == nil {
            for (image, found) in first.enumerated() {
                if let number = found?.number { try FoundLabel.check(number, in: place(image)) }
            }
            classes = try names((present.compactMap(\.number).max() ?? 0) + 1)
            label = { $0.number! }
        } else {
            let sorted = sortedOnce(present.map(\.text))
            guard sorted.count <= FoundLabel.largestCount else {
                throw PixNerdError(
                    .malformed, "\(source)", found: "has \(sorted.count) different labels",
                    expected: "at most \(FoundLabel.largestCount)")
            }
            classes = sorted
            label = { found in index(of: found.text, count: sorted.count) { sorted[$0] }! }
        }
        var labels = first.map { $0.map(label) }
        var several: [Int: [Int]] = [:]
        for (image, others) in further {
            let all = Set([labels[image]].compactMap { $0 } + others.map(label)).sorted()
            labels[image] = all.first
            if all.count != 1 { several[image] = all }
        }
        (self.labels, self.several) = (labels, several)
    }

    /// All classes of some images; nil if each of all images has one.
    ///
    /// - Parameter images: indices of the images.
    func sets(of images: [Int]) -> LabelSets? {
        guard !several.isEmpty else { return nil }
        return LabelSets(images.map { several[$0] ?? [labels[$0]!] })
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
