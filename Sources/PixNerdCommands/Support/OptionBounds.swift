import ArgumentParser
import PixNerdSupport
import PixNerdTensors

/// Checks that a numeric option, if given, is in its range.
///
/// - Throws: `ValidationError` that names the option and the bound that it violates.
func expectOption(_ name: String, _ value: Int?, in range: ClosedRange<Int>) throws {
    guard let value, let bound = violatedBound(value, of: range) else { return }
    throw ValidationError("\(name) is \(value); it must be \(bound).")
}

/// - Throws: `ValidationError` for int8, in commands that do not sample.
func expectNoInt8(_ precision: Precision) throws {
    guard precision != .int8 else {
        throw ValidationError("--precision int8 is for sampling; use bf16 here.")
    }
}
