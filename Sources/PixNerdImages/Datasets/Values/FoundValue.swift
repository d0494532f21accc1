import PixNerdSupport

/// A number of one image as a table or JSON says it.
enum FoundValue: Sendable, Equatable {
    case number(Double)
    /// Null or an empty cell: the image has none.
    case empty
    /// Nothing is said of it.
    case missing

    /// Numbers from this one on are considered a mistake; the sums of their squares stay finite.
    private static let largest = Double(Float.greatestFiniteMagnitude)

    var number: Double? { if case .number(let number) = self { number } else { nil } }

    /// The value of a row under a key.
    ///
    /// - Parameter place: the name of the place in errors, such as "metadata.csv, line 3,".
    /// - Throws: `PixNerdError` if it is no finite number.
    init(_ row: TableRow, under key: String, in place: @autoclosure () -> String) throws {
        func checked(_ number: Double?, _ text: String) throws -> FoundValue {
            guard let number, abs(number) < Self.largest else {
                throw PixNerdError(
                    .malformed, "\(place())", found: "has \(text.prefix(40)) under '\(key)'",
                    expected: "a finite number, or nothing for an image without it")
            }
            return .number(number)
        }
        guard let value = row.values.first(where: { $0.key.utf8.elementsEqual(key.utf8) })?.value else {
            self = .missing
            return
        }
        self =
            switch value {
            case .nothing, .text(""): .empty
            case .number(let number): try checked(Double(number), "\(number)")
            case .fraction(let number): try checked(number, "\(number)")
            case .cell(let text): try checked(Double(text.trimmingCharacters(in: .whitespaces)), "'\(text)'")
            case .text(let text): try checked(nil, "the text '\(text)'")
            case .texts, .numbers, .other: try checked(nil, "something other than a number")
            }
    }

    /// This value, or that of another row about the same image.
    ///
    /// - Parameter place: the name of the other row's place in errors.
    /// - Throws: `PixNerdError` if they differ.
    func merged(with other: FoundValue, of key: String, in place: @autoclosure () -> String) throws -> FoundValue {
        guard self != .missing, other != .missing, self != other else { return self == .missing ? other : self }
        func text(_ value: FoundValue) -> String { value.number.map { "\($0)" } ?? "nothing" }
        throw PixNerdError(
            .malformed, "\(place())", found: "has \(text(other)) under '\(key)', and another row \(text(self))",
            expected: "one row for each image")
    }
}
