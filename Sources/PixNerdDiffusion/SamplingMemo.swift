import PixNerdTensors
import Synchronization

/// What models compute that stays the same over the steps of a run of `sample`, such as what follows from a text alone.
///
/// `sample` has one for each of its runs. Outside of a run nothing is kept, so weights may change there.
public final class SamplingMemo: Sendable {
    @TaskLocal private static var current: SamplingMemo?

    /// What a value of a model depends on.
    private struct Key: Hashable {
        let model: ObjectIdentifier
        let subject: ObjectIdentifier
    }

    private let kept = Mutex<[Key: Tensor]>([:])

    public init() {}

    /// Runs `body` as a part of the run that this memo belongs to.
    public func callAsFunction<R>(_ body: () throws -> R) rethrows -> R {
        try Self.$current.withValue(self, operation: body)
    }

    /// A value that a model computes of a subject: the one that the current run has kept, or a new one.
    ///
    /// - Parameters:
    ///   - model: the model, which outlives the run.
    ///   - subject: what the value depends on besides the model, such as the rows of a text; it outlives the run, too.
    ///   - make: computes the value, which has no gradient.
    public static func value(of model: AnyObject, for subject: AnyObject, _ make: () -> Tensor) -> Tensor {
        guard let memo = current else { return make() }
        let key = Key(model: ObjectIdentifier(model), subject: ObjectIdentifier(subject))
        if let known = memo.kept.withLock({ $0[key] }) { return known }
        let made = make()
        memo.kept.withLock { $0[key] = made }
        return made
    }
}
