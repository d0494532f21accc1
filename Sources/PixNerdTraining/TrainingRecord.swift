import Foundation
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport

/// The content of `state.json` in a saved step.
struct TrainingRecord: Codable {
    var step: Int
    /// Number of updates of the weights, which skipped steps do not count for.
    var optimizerStep: Int
    /// Number of images seen, which is the position in their endless order.
    var samples: Int
    var seed: UInt64
    var classes: [String]
    var configurationHash: String
    var outliers: OutlierDetector
    /// The parts of `TrainingOrigins`, flat because the first format had only `encoder`.
    var encoder: String?
    var text: RecordedTextEncoder?
    var autoencoder: AutoencoderIdentity?
    var perceptual: String?
    var teacher: String?
    /// The optimizer; nil for AdamW, which the first format did not name.
    var optimizer: OptimizerKind?
    /// What is known of the held-out images; nil if there are none.
    var holdout: HoldoutHistory?

    enum CodingKeys: String, CodingKey {
        case step, samples, seed, classes, outliers, encoder, text, autoencoder, perceptual, teacher, optimizer, holdout
        case optimizerStep = "optimizer_step"
        case configurationHash = "configuration_hash"
    }

    var origins: TrainingOrigins {
        TrainingOrigins(
            encoder: encoder, text: text, autoencoder: autoencoder, perceptual: perceptual, teacher: teacher)
    }

    /// More steps than any run has, and few enough to count images in 64 bits.
    static let mostSteps = 1 << 40
}

extension TrainingRecord {
    static func path(inStep directory: String) -> String { "\(directory)/state.json" }

    /// Reads the record of a saved step and checks its numbers.
    ///
    /// - Throws: `PixNerdError` naming the file and what is wrong in it.
    init(step directory: String) throws {
        let path = Self.path(inStep: directory)
        guard let json = FileManager.default.contents(atPath: path),
            let record = try? JSONDecoder().decode(TrainingRecord.self, from: json)
        else {
            throw PixNerdError(
                .malformed, "\(path)", found: "cannot be read as the state of a run",
                advice: "resume from another step with \(Setting.resumedStep)")
        }
        self = record
        try check(path)
    }

    private func check(_ path: String) throws {
        func expect(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
            guard !range.contains(value) else { return }
            throw PixNerdError(
                .malformed, "\(path):", found: "\(name) is \(value)",
                expected: "a number from \(range.lowerBound) to \(range.upperBound)",
                advice: "resume from another step with \(Setting.resumedStep)")
        }
        try expect("step", step, 0...Self.mostSteps)
        try expect("optimizer_step", optimizerStep, 0...step)
        try expect("samples", samples, 0...Int.max)
        try expect("outliers.skipped", outliers.skipped, 0...step)
        try expect("the number of outliers.norms", outliers.norms.count, 0...OutlierDetector.window)
        guard outliers.norms.allSatisfy(\.isFinite) else {
            throw PixNerdError(
                .malformed, "\(path):", found: "outliers.norms holds values that are not finite",
                advice: "resume from another step with \(Setting.resumedStep)")
        }
    }
}

extension Setting {
    /// The saved step that a run goes on from.
    public static let resumedStep = Setting(rawValue: "step")
}
