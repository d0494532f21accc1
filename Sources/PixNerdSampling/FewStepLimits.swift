import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport

/// What a model of few steps may be asked for: one that is told the guidance scale, the length of each step, or both.
struct FewStepLimits {
    private let numbers: [ModelNumber]
    private let largestScale: Float?
    private let name: String

    private var isToldScale: Bool { numbers.contains(.strength) }
    private var isToldLength: Bool { numbers.contains(.interval) }

    /// The guidance scales that the model may be told; nil if it is told none.
    var scales: ClosedRange<Float>? { isToldScale ? 1...(largestScale ?? .greatestFiniteMagnitude) : nil }

    /// - Parameters:
    ///   - numbers: What the model is told.
    ///   - largestScale: The largest guidance scale that it was trained with; nil if the checkpoint does not say.
    ///   - name: The checkpoint's name in messages.
    /// - Returns: nil for other models.
    init?(_ numbers: [ModelNumber], largestScale: Float?, name: String) {
        guard numbers.contains(.strength) || numbers.contains(.interval) else { return nil }
        (self.numbers, self.largestScale, self.name) = (numbers, largestScale, name)
    }

    /// Checks what the user asked for, apart from defaults.
    ///
    /// - Throws: `PixNerdError` naming the option.
    func check(_ options: SamplingOptions) throws {
        let kind: ErrorText = isToldScale ? "is told its guidance" : "is a model of jumps, which are not guided"
        func refusal(_ setting: Setting, _ reason: ErrorText) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(name)", found: kind + reason, advice: "leave \(setting) out")
        }
        if let scales = options.guidance { try check(scales: scales, isAsked: true) }
        if options.guide != nil { throw refusal(.guide, ", and does not compare with another model") }
        if options.guidanceRule != .plain { throw refusal(.guidanceRule, ", and compares no two velocities") }
        if options.guidanceInterval != nil { throw refusal(.guidanceInterval, isToldScale ? ", at all times" : "") }
        guard isToldLength else { return }
        if let sampler = options.sampler, sampler != .jumps {
            throw PixNerdError(
                .mismatch, "\(name)", found: "jumps along mean velocities, which \(sampler.name) does not",
                advice: "leave \(Setting.sampler) out")
        }
        if options.zeroSteps > 0 {
            throw PixNerdError(
                .mismatch, "\(name)", found: "jumps, and each jump leads on from where the last one ended",
                advice: "leave \(Setting.zeroSteps) out")
        }
    }

    /// Settings in the form that the model takes.
    ///
    /// - Parameter isAsked: Whether the user gave the scales of guidance.
    /// - Throws: `PixNerdError` naming the option.
    func applied(to settings: SamplingSettings, isAsked: Bool) throws -> SamplingSettings {
        try check(scales: settings.guidance.scales, isAsked: isAsked)
        return settings.told(numbers)
    }

    private func check(scales: [Float], isAsked: Bool) throws {
        guard let known = self.scales else {
            guard !isAsked || scales.allSatisfy({ $0 == 1 }) else {
                throw PixNerdError(
                    .mismatch, "\(name)", found: "is a model of jumps, which are not guided",
                    advice: "leave \(Setting.guidance) out")
            }
            return
        }
        let range = largestScale.map { "from 1 to \($0), as in training" } ?? "of at least 1"
        guard scales.count == 1, known.contains(scales[0]) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.guidance)",
                found: "is \(scales.commaList), and \(name) is told one scale at all times",
                expected: "a number \(range)")
        }
    }

    /// Checks that a model which is told neither is not asked for what takes that.
    ///
    /// - Throws: `PixNerdError` naming the option.
    static func checkOther(_ options: SamplingOptions, name: String) throws {
        if options.guidanceRule == .told {
            throw PixNerdError(
                .mismatch, "\(Setting.guidanceRule)", found: "is told, and \(name) is not told a scale",
                advice: "take another rule")
        }
        if options.sampler == .jumps {
            throw PixNerdError(
                .mismatch, "\(Setting.sampler)", found: "is jumps, and \(name) is not told the length of a step",
                advice: "take another sampler")
        }
    }
}
