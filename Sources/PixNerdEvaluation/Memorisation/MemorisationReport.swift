import PixNerdSupport

/// How many samples are copies of training images, with everything needed to reproduce it.
public struct MemorisationReport: Codable, Sendable {
    /// The share of copies by one distance.
    public struct Measure: Codable, Sendable {
        /// Short, fixed name: `memorised_pixels` or `memorised_features`.
        public let name: String
        /// Name to display.
        public let title: String
        /// Share of the samples that are memorised, 0 ... 1.
        public let value: Double
        /// Number of samples that are memorised.
        public let count: Int
        /// 95 % bootstrap interval of the share over other draws of as many samples; nil without resamples.
        public let interval: [Double]?
        /// Baseline: the share of held-out images that the rule takes for copies; nil without such.
        public let heldOut: Double?
        /// Median over the samples of the distance to the nearest training image, relative to that to the second nearest.
        public let medianRatio: Double
        /// That median of the held-out images; nil without such.
        public let heldOutMedianRatio: Double?
        /// The samples with the smallest ratios, most suspicious first.
        public let suspicious: [Match]
    }

    /// A sample and its nearest training images.
    public struct Match: Codable, Sendable, Equatable {
        public let sample: String
        /// The training image that is nearest to it.
        public let nearest: String
        /// Whether the mirror image of that training image is what is near.
        public let isMirrored: Bool
        /// Euclidean distance: over all pixels, in levels of 0 ... 255, or of features.
        public let distance: Double
        public let second: String
        public let secondDistance: Double
        /// The distance divided by that to the second nearest: 0 for a copy of every pixel.
        public let ratio: Double
        public let isMemorised: Bool
    }

    /// A sample is memorised if its distance to the nearest training image is below this part of that to the second
    /// nearest one.
    public static let largestRatio = 1.0 / 3

    public let program: String
    public let training: EvaluationReport.Side
    public let samples: EvaluationReport.Side
    public let heldOut: EvaluationReport.Side?
    /// Number of training images that are equal to an earlier one or to its mirror image. They are left out.
    public let copies: Int
    public let size: ImageSize
    public let features: EvaluationReport.Features?
    public let seed: UInt64
    public let resamples: Int
    public let measures: [Measure]

    /// The measure with a name, such as `memorised_pixels`.
    public subscript(name: String) -> Measure? { measures.first { $0.name == name } }

    /// JSON with one key per line.
    public func json() throws -> String { try JSON.text(self, isPretty: true) }
}
