import PixNerdDiffusion
import PixNerdSupport

/// Which conditions a model has seen in training: classes, "no class", or both. Guidance needs both.
package struct TrainedConditions: Sendable, Equatable {
    /// The key of `dropout` in a checkpoint's metadata.
    package static let key = "label_dropout"

    /// Fraction of the training images whose class was withheld; nil for a checkpoint that does not say.
    private let dropout: Float?

    package init(dropout: Float) { self.dropout = dropout }

    /// The conditions that a checkpoint's metadata tells.
    package init(_ metadata: [String: String]) { dropout = metadata[Self.key].flatMap { Float($0) } }

    /// Whether guidance would follow an embedding that was never trained.
    package var forbidGuidance: Bool { lacksNone || lacksClasses }

    /// Whether no image was trained without its condition.
    var lacksNone: Bool { dropout.map { $0 <= 0 } ?? false }
    private var lacksClasses: Bool { dropout.map { $0 >= 1 } ?? false }

    /// These settings without guidance if the model was not trained for it.
    package func applied(to settings: SamplingSettings) -> SamplingSettings {
        guard forbidGuidance else { return settings }
        var settings = settings
        settings.guidance = settings.guidance.off
        return settings
    }

    /// Why guidance that was asked for misleads; nil if it does not.
    ///
    /// - Parameters:
    ///   - comparesWithNone: Whether guidance compares with the velocity without a condition, and not with a guide's.
    ///   - name: The checkpoint's name in messages.
    func warning(_ guidance: Guidance, comparesWithNone: Bool, name: String) -> ErrorText? {
        if lacksClasses {
            return "\(name) was trained with training.label_dropout 1 and never saw a class, so its images have none."
        }
        guard lacksNone, comparesWithNone, guidance != guidance.off else { return nil }
        return "\(name) was trained with training.label_dropout 0 and never without a class, which guidance compares "
            + "with, so guidance may spoil its images; use \(Setting.guidance) 1, or an earlier step as \(Setting.guide)."
    }

    /// Why the model is sampled without guidance where none was asked for; nil if it is not.
    func notice(name: String) -> String? {
        guard forbidGuidance else { return nil }
        return "\(name) is sampled without guidance: it was trained with training.label_dropout "
            + (lacksClasses ? "1, never with a class" : "0, never without a class, which guidance compares with")
    }
}

extension Guidance {
    /// Guidance by a scale of 1 at the same times, which has no effect.
    fileprivate var off: Guidance {
        Guidance(scales: scales.map { _ in 1 }, times: times, rule: rule, includesEnds: includesEnds)
    }
}
