import ArgumentParser
import PixNerdSupport

/// Checks that a numeric option, if given, is in its range.
///
/// - Throws: `ValidationError` that names the option and the bound that it violates.
func expectOption(_ name: String, _ value: Int?, in range: ClosedRange<Int>) throws {
    guard let value, let bound = violatedBound(value, of: range) else { return }
    throw ValidationError("\(name) is \(value); it must be \(bound).")
}
