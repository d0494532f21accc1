import PixNerdSupport
import PixNerdTensors

extension TensorSource {
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
}
