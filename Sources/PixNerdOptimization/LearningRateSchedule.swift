import Foundation

/// The course of the learning rate after the warm-up.
public enum LearningRateSchedule: String, Sendable, CaseIterable {
    case constant
    /// Half a cosine from the full rate to zero at the last step (Loshchilov and Hutter, arXiv 1608.03983).
    case cosine

    /// The factor that multiplies the learning rate at a step.
    ///
    /// - Parameters:
    ///   - step: the number of the step, from 0.
    ///   - warmup: number of steps over which the rate rises linearly.
    ///   - total: number of steps of the run.
    public func factor(step: Int, warmup: Int, total: Int) -> Double {
        if step < warmup { return Double(step + 1) / Double(warmup) }
        switch self {
        case .constant: return 1
        case .cosine:
            let progress = Double(step - warmup) / Double(max(1, total - warmup))
            return 0.5 * (1 + cos(.pi * min(progress, 1)))
        }
    }
}
