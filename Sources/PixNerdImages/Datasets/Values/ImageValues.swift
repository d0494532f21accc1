import PixNerdSupport

/// Numbers that a collection's images have besides their classes, such as an age.
public struct ImageValues: Sendable {
    /// Names of the values: columns of tables, or keys of JSON.
    public let names: [String]
    /// The numbers, image after image; nil where a table has an empty cell or JSON has null.
    private var numbers: [Double?] = []
    /// The images of which nothing says a value, by value.
    private var missing: [LeftOut.Files]
    /// Where a value of the first of these is expected.
    private let expected: ErrorText

    /// - Parameters:
    ///   - found: the values of each image, in the order of the names.
    ///   - image: returns the name of an image in errors.
    ///   - expected: where values are expected, as a noun phrase.
    init(_ names: [String], _ found: [[FoundValue]], image: (Int) -> String, expected: ErrorText) {
        (self.names, self.expected) = (names, expected)
        missing = names.map { _ in LeftOut.Files() }
        for (place, values) in found.enumerated() {
            for (name, value) in values.enumerated() {
                if value == .missing { missing[name].add(image(place)) }
                numbers.append(value.number)
            }
        }
    }

    /// Number of images.
    public var count: Int { numbers.count / names.count }

    /// The numbers of an image, in the order of the names; nil where it has none.
    ///
    /// - Parameter image: an index into the collection's `samples`.
    public subscript(image: Int) -> [Double?] {
        Array(numbers[image * names.count..<(image + 1) * names.count])
    }

    /// The values of some of the images, in their order.
    func of(_ images: [Int]) -> ImageValues {
        var part = self
        part.numbers = images.flatMap { self[$0] }
        return part
    }

    /// Checks that something is said of each value of each image, if only that it has none.
    ///
    /// - Throws: `PixNerdError` naming an image and the value that it lacks.
    public func expectNoneMissing() throws {
        guard let place = missing.firstIndex(where: { $0.count > 0 }) else { return }
        let (lacking, name) = (missing[place], names[place])
        let others = lacking.count > 1 ? ", as \(lacking.count - 1) more of the images" : ""
        throw PixNerdError(
            .malformed, "\(lacking.examples[0])", found: "has no '\(name)'\(others)", expected: expected,
            advice: "leave the cell empty or write null for an image without it, or leave '\(name)' out of "
                + "\(Setting.valueNames)")
    }

    /// How a value is spread over the images.
    ///
    /// - Parameter name: an index into `names`.
    public func summary(of name: Int) -> ValueSummary {
        let numbers = (0..<count).compactMap { self.numbers[$0 * names.count + name] }
        return ValueSummary(
            name: names[name], numbers, missing: missing[name].count,
            empty: count - numbers.count - missing[name].count)
    }
}

/// How the numbers of a collection's images are spread.
public struct ValueSummary: Sendable, Codable, Equatable {
    /// The column of a table, or the key of JSON.
    public let name: String
    /// Number of images that have one.
    public let count: Int
    /// Number of images of which a table or JSON says that they have none.
    public let empty: Int
    /// Number of images of which nothing says it.
    public let missing: Int
    /// The lowest number; nil if there is none.
    public let minimum: Double?
    public let mean: Double?
    public let maximum: Double?
    /// Standard deviation over the images, not corrected for their number; nil if there is none.
    public let standardDeviation: Double?

    enum CodingKeys: String, CodingKey {
        case name, count, empty, missing, minimum, mean, maximum
        case standardDeviation = "standard_deviation"
    }

    init(name: String, _ numbers: [Double], missing: Int, empty: Int) {
        (self.name, count, self.missing, self.empty) = (name, numbers.count, missing, empty)
        (minimum, maximum) = (numbers.min(), numbers.max())
        guard !numbers.isEmpty else {
            (mean, standardDeviation) = (nil, nil)
            return
        }
        let mean = numbers.reduce(0, +) / Double(numbers.count)
        let squares = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        (self.mean, standardDeviation) = (mean, (squares / Double(numbers.count)).squareRoot())
    }
}
