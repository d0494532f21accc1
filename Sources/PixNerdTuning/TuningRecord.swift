import Foundation
import PixNerdSupport

/// What was measured for a run, in `tune.json` in its directory. A later session with the same conditions goes on from
/// it.
public struct TuningRecord: Codable, Sendable {
    /// Everything that measured values depend on besides settings, number of images and first seed.
    public struct Conditions: Codable, Sendable, Equatable {
        /// Name and version of the program.
        public let program: String
        public let step: Int
        /// `Fingerprint` of the file with the EMA of the step.
        public let weights: String
        /// Name of the measure, such as `swd`.
        public let measure: String
        /// Path of the real images.
        public let reference: String
        /// Largest number of real images; nil for twice as many as are sampled.
        public let referenceImages: Int?
        /// `Fingerprint` of the network whose features are compared; nil for none.
        public let features: String?
        /// Precision of large matrix multiplications.
        public let precision: String
        /// Seed of the first image.
        public let seed: UInt64
    }

    /// The measure of images made with some settings.
    public struct Result: Codable, Sendable {
        public let settings: TuningCandidate
        public let images: Int
        public let firstSeed: UInt64
        public let value: Double
        /// Baseline: the value between two halves of the real images; nil if there is none.
        public let floor: Double?
        /// Bootstrap standard deviation of the value; nil in the search.
        public let deviation: Double?
    }

    /// The final comparison, on images from seeds that the search has not seen.
    public struct Decision: Codable, Sendable {
        public let before: Result
        public let best: Result
        /// How much lower the best may come out by chance in one of twenty comparisons.
        public let noise: Double
        /// Whether the best settings are better by more than that.
        public var isBetter: Bool { before.value - best.value > noise }
    }

    public let conditions: Conditions
    /// The results of the search, in the order in which they were measured.
    public internal(set) var results: [Result] = []
    /// nil until the search has ended.
    public internal(set) var decision: Decision?

    init(_ conditions: Conditions) { self.conditions = conditions }

    /// Reads what an earlier session with the same conditions measured; nil if there is none.
    init?(path: String, _ conditions: Conditions) {
        guard let json = FileManager.default.contents(atPath: path),
            let record = try? JSON.decoder(snakeCase: true).decode(TuningRecord.self, from: json),
            record.conditions == conditions
        else { return nil }
        self = record
        decision = nil
    }

    func write(to path: String) throws {
        try AtomicFile.write(try JSON.encoder(isPretty: true, snakeCase: true).encode(self), to: path)
    }

    /// The result for some settings; nil if there is none.
    func result(_ settings: TuningCandidate, images: Int) -> Result? {
        results.first { $0.settings == settings && $0.images == images }
    }

    /// The best results, each of other settings and of the largest number of images that these had.
    public func ranking() -> [Result] {
        var last: [Result] = []
        for result in results {
            last.removeAll { $0.settings == result.settings }
            last.append(result)
        }
        return last.sorted { ($1.images, $0.value) < ($0.images, $1.value) }
    }
}
