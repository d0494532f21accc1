/// A whole number from outside (a file, a setting), or the result of arithmetic with such numbers, which never traps.
///
/// A result that does not fit into an `Int`, or a division by 0, has no value; nor has anything computed from it.
package struct CheckedInt: ExpressibleByIntegerLiteral, Sendable {
    /// The number; nil if it does not fit.
    package let value: Int?

    package init(_ value: Int?) { self.value = value }

    package init(integerLiteral value: Int) { self.value = value }

    /// The number, or the largest `Int` if it does not fit.
    package var clamped: Int { value ?? .max }

    package static func + (a: CheckedInt, b: CheckedInt) -> CheckedInt {
        a.combined(b) { $0.addingReportingOverflow($1) }
    }

    package static func - (a: CheckedInt, b: CheckedInt) -> CheckedInt {
        a.combined(b) { $0.subtractingReportingOverflow($1) }
    }

    package static func * (a: CheckedInt, b: CheckedInt) -> CheckedInt {
        a.combined(b) { $0.multipliedReportingOverflow(by: $1) }
    }

    package static func / (a: CheckedInt, b: CheckedInt) -> CheckedInt {
        a.combined(b) { $0.dividedReportingOverflow(by: $1) }
    }

    package static func += (a: inout CheckedInt, b: CheckedInt) { a = a + b }

    private func combined(
        _ other: CheckedInt, _ operation: (Int, Int) -> (partialValue: Int, overflow: Bool)
    ) -> CheckedInt {
        guard let (a, b) = both(value, other.value) else { return CheckedInt(nil) }
        let (result, overflow) = operation(a, b)
        return CheckedInt(overflow ? nil : result)
    }
}

/// The number of elements of an array whose shape a file tells; nil if no array can have that shape.
///
/// A side of 0 does not hide that the others are impossible. The result times 16 fits into an `Int`, so bytes and ends
/// of arrays can be computed without further checks.
package func elementCount(_ shape: [Int]) -> Int? {
    guard shape.allSatisfy({ $0 >= 0 }) else { return nil }
    let sides = shape.reduce(16 as CheckedInt) { $0 * CheckedInt(max($1, 1)) }
    guard let product = sides.value else { return nil }
    return shape.contains(0) ? 0 : product / 16
}

/// Checks that a number from outside is in its range.
///
/// - Throws: `PixNerdError` that names the number and the bound that it violates.
package func require(_ name: String, _ value: Int, in range: ClosedRange<Int>) throws {
    guard let bound = violatedBound(value, of: range) else { return }
    throw PixNerdError(.invalidValue, "\(name)", found: "is \(value)", expected: "\(bound)")
}

/// The bound of a range that a number violates, such as "at most 8"; nil if it is in the range.
package func violatedBound(_ value: Int, of range: ClosedRange<Int>) -> String? {
    if range.contains(value) { return nil }
    return value < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
}
