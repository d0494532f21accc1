import CPixNerdKernels

/// IEEE half precision to single.
///
/// - Parameter halves: two bytes each in the processor's order, anywhere in memory; as many as `target` has places.
package func convertHalves(_ halves: UnsafeRawBufferPointer, into target: UnsafeMutableBufferPointer<Float>) {
    precondition(
        halves.count == 2 * target.count, "convertHalves: \(halves.count) bytes do not fill \(target.count) places")
    guard let source = halves.baseAddress, let out = target.baseAddress else { return }
    parallelChunks(target.count, of: elementsPerChunk) { range in
        pn_half_to_float(range.count, source + 2 * range.lowerBound, out + range.lowerBound)
    }
}
