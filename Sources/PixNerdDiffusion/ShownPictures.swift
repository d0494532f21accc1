import PixNerdTensors

/// Pictures that a model is shown beside the noisy data, one for each image of a batch.
public struct ShownPictures: Sendable {
    /// The pictures, [B, C, H, W], in the units of what is diffused: -1 and 1 are black and white in pixels.
    public let tensor: Tensor
    /// How strongly they act: 1 as in training, 0 not at all.
    public let strength: Float
    /// The times at which they act; 0 is noise, 1 is data.
    public let times: ClosedRange<Float>

    public init(_ tensor: Tensor, strength: Float = 1, times: ClosedRange<Float> = 0...1) {
        precondition(tensor.shape.count == 4, "ShownPictures: \(tensor.shape) are not pictures [B, C, H, W]")
        (self.tensor, self.strength, self.times) = (tensor, strength, times)
    }

    /// Whether the pictures act on images at some times: if all of these are in the interval.
    public func act(at times: [Float]) -> Bool { strength != 0 && times.allSatisfy(self.times.contains) }

    func with(_ tensor: Tensor) -> ShownPictures { ShownPictures(tensor, strength: strength, times: times) }
}

/// A condition with pictures that a model is shown besides it.
///
/// Denoisers that take the inner kind of condition take this one too, and read its pictures with `Condition.pictures`.
/// Without a condition the pictures stay.
public struct PicturedCondition: Condition {
    /// The condition without the pictures.
    public let base: any Condition
    public let shown: ShownPictures

    /// - Precondition: there are as many pictures as entries of the condition.
    fileprivate init(base: any Condition, shown: ShownPictures) {
        precondition(
            shown.tensor.shape[0] == base.count,
            "PicturedCondition: \(shown.tensor.shape[0]) pictures for \(base.count) conditions")
        (self.base, self.shown) = (base, shown)
    }

    public var count: Int { base.count }

    public var unconditional: PicturedCondition { PicturedCondition(base: base.unconditional, shown: shown) }

    public func rows(_ range: Range<Int>) -> PicturedCondition {
        PicturedCondition(base: base.rows(range), shown: shown.with(shown.tensor.rows(range)))
    }

    public func joined(with other: any Condition) -> PicturedCondition {
        guard let other = other.withoutNumbers as? PicturedCondition else {
            preconditionFailure("PicturedCondition: the other condition has no pictures")
        }
        return PicturedCondition(
            base: base.joined(with: other.base),
            shown: shown.with(Tensor.concatenated([shown.tensor, other.shown.tensor])))
    }
}

extension Condition {
    /// The pictures that come with this condition; nil if none do.
    public var pictures: ShownPictures? { (withoutNumbers as? PicturedCondition)?.shown }

    /// This condition with pictures, which replace those that it has already.
    public func showing(_ pictures: ShownPictures) -> any Condition {
        let condition = PicturedCondition(base: plain, shown: pictures)
        return numbers.kinds.isEmpty ? condition : condition.telling(numbers)
    }

    /// This condition without numbers and pictures.
    var plain: any Condition {
        let inner = withoutNumbers
        return (inner as? PicturedCondition)?.base ?? inner
    }
}
