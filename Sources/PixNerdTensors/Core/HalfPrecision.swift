import CPixNerdKernels

/// Converts IEEE half precision to single precision.
///
/// - Parameter halves: two bytes per number in the processor's byte order, at any alignment. There are as many numbers
///   as in `target`.
package func convertHalves(_ halves: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>) {
    precondition(
        halves.count == 2 * target.count, "convertHalves: \(halves.count) bytes do not fill \(target.count) elements")
    guard let source = halves.baseAddress, let out = target.baseAddress else { return }
    parallelChunks(target.count, of: elementsPerChunk) { range in
        pn_half_to_float(range.count, source + 2 * range.lowerBound, out + range.lowerBound)
    }
}
