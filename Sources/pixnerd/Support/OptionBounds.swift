import ArgumentParser

/// Checks that a numeric option, if given, is in its range.
///
/// - Throws: `ValidationError` that names the option and the bound that it violates.
func expectOption(_ name: String, _ value: Int?, in range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    let bound = value < range.lowerBound ? "at least \(range.lowerBound)" : "at most \(range.upperBound)"
    throw ValidationError("\(name) is \(value); it must be \(bound).")
}
