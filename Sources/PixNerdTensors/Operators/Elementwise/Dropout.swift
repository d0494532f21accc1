/// Which elements of a tensor dropout sets to zero: those whose random number is below a rate. The others are divided by
/// 1 - rate, so that the mean stays.
///
/// The random numbers are drawn again where they are needed, so a mask takes no memory.
public struct DropoutMask: Sendable {
    private let rate: Float
    private let streams: @Sendable (_ index: Int) -> RandomStream

    /// - Parameters:
    ///   - rate: 0 ..< 1.
    ///   - streams: returns the random numbers of an index along the first axis, one for each element.
    public init(rate: Float, streams: @escaping @Sendable (_ index: Int) -> RandomStream) {
        precondition(rate >= 0 && rate < 1, "DropoutMask: the rate \(rate) is not in 0 ..< 1")
        (self.rate, self.streams) = (rate, streams)
    }

    /// Applies the mask to some elements in place.
    ///
    /// - Parameters:
    ///   - range: the elements in row-major order.
    ///   - size: number of elements of an index along the first axis.
    func apply(to elements: UnsafeMutablePointer<Float>, _ range: Range<Int>, size: Int) {
        let factor = 1 / (1 - rate)
        var at = range.lowerBound
        while at < range.upperBound {
            let index = at / size
            let end = min(range.upperBound, (index + 1) * size)
            var stream = streams(index)
            stream.seek(toWord: at - index * size)
            for place in at - range.lowerBound..<end - range.lowerBound {
                elements[place] = stream.nextUniform() < rate ? 0 : factor * elements[place]
            }
            at = end
        }
    }
}

/// Dropout (Srivastava et al., JMLR 15, 2014): x with some elements set to zero and the others divided by 1 - rate.
///
/// - Parameter x: [B, ...]; each index along the first axis has random numbers of its own.
/// - Returns: the shape of x.
public func dropout(_ x: Tensor, _ mask: DropoutMask) -> Tensor {
    func masked(_ x: Tensor) -> Tensor {
        let out = x.copied()
        parallelChunks(x.count, of: elementsPerChunk) { range in
            mask.apply(to: out.storage.pointer + range.lowerBound, range, size: x.count / x.shape[0])
        }
        return out
    }
    OperatorProfile.begin("dropout")
    defer { OperatorProfile.end() }
    return Tape.record("dropout", masked(x), from: [x]) { x.node?.add(masked($0)) }
}
