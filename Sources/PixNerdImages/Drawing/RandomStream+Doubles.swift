import PixNerdTensors

extension RandomStream {
    /// A number from a range, evenly distributed.
    mutating func nextDouble(in range: ClosedRange<Double>) -> Double {
        range.lowerBound + (range.upperBound - range.lowerBound) * Double(nextUniform())
    }
}
