import PixNerdSupport
import PixNerdTensors

extension TensorSource {
    /// The shape of a tensor that a model needs.
    ///
    /// - Parameters:
    ///   - axes: Number of axes that it must have, none of which may be empty.
    ///   - missing: The error if there is no such tensor.
    /// - Throws: `missing`, or a `PixNerdError` of its kind with the shape that was found.
    func shape(of name: String, axes: Int, orElse missing: @autoclosure () -> PixNerdError) throws -> [Int] {
        guard let shape = shape(of: name) else { throw missing() }
        guard shape.count == axes, !shape.contains(0) else {
            throw PixNerdError(
                missing().kind, "\(origin): the tensor \(name)", found: "has the shape \(shape)",
                expected: "\(axes) dimensions, none of them 0")
        }
        return shape
    }

    /// One more than the largest number of a block, which names give after a prefix such as `blocks.`.
    ///
    /// - Parameter part: the beginning of the rest of a name that counts.
    /// - Throws: `PixNerdError` if a number is too large for any model.
    func blockCount(after prefix: String, part: String = "") throws -> Int {
        let numbers = names.compactMap { name -> (name: String, number: Int)? in
            guard name.hasPrefix(prefix) else { return nil }
            let parts = name.dropFirst(prefix.count).split(separator: ".", maxSplits: 1)
            guard parts.count == 2, parts[1].hasPrefix(part) else { return nil }
            return Int(parts[0]).map { (name, $0) }
        }
        guard let last = numbers.max(by: { $0.number < $1.number }), last.number >= 0 else { return 0 }
        guard last.number < SizeLimits.blocks else {
            throw PixNerdError(
                .malformed, "\(origin):", found: "the tensor \(last.name) is of a block numbered \(last.number)",
                expected: "at most \(SizeLimits.blocks) blocks, numbered from 0")
        }
        return last.number + 1
    }

    /// The channels and side of a square patch that holds `values` numbers.
    ///
    /// - Parameters:
    ///   - values: Numbers that the patch embedding reads.
    ///   - channels: Channels of the data; nil for the first of 3, 4 and 16 that gives a square.
    /// - Throws: `PixNerdError` if there is no such square.
    func squarePatch(values: Int, channels: Int?) throws -> (channels: Int, side: Int) {
        for channels in channels.map({ [$0] }) ?? [3, 4, 16] where channels > 0 && values % channels == 0 {
            let side = Int(Double(values / channels).squareRoot().rounded())
            if side * side * channels == values { return (channels, side) }
        }
        let expected: String = channels.map { "\($0)" } ?? "3, 4 or 16"
        throw PixNerdError(
            .malformed, "\(origin):", found: "the patch embedding reads \(values) numbers",
            expected: "a square patch of \(expected) channels")
    }
}
