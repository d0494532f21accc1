import PixNerdSupport
import PixNerdTensors

/// Upper bounds on the sizes of models, far above any that is published, so that sizes that a file or a configuration
/// tells can be multiplied without overflow.
enum SizeLimit {
    /// Width of tokens or channels of a layer.
    static let width = 1 << 16
    /// Transformer blocks.
    static let blocks = 1 << 10
    /// Side of a patch.
    static let patch = 1 << 12
    /// Channels of data that is encoded or diffused.
    static let channels = 1 << 12
    static let classes = 1 << 24
    /// Width of a field.
    static let fieldWidth = 1 << 12
    /// Inner width of a field block relative to its width.
    static let fieldRatio = 1 << 6
    /// Side of an image in pixels or latents.
    static let side = 1 << 16
    /// Residual blocks in a level of an autoencoder.
    static let blocksPerLevel = 1 << 6
}

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
        guard last.number < SizeLimit.blocks else {
            throw PixNerdError(
                .malformed, "\(origin):", found: "the tensor \(last.name) is of a block numbered \(last.number)",
                expected: "at most \(SizeLimit.blocks) blocks, numbered from 0")
        }
        return last.number + 1
    }
}
