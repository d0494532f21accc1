import Foundation
import PixNerdSupport

/// Results of an evaluation, with everything needed to reproduce them.
public struct EvaluationReport: Codable, Sendable {
    /// Facts about one of the two sides.
    public struct Side: Codable, Sendable, Equatable {
        public let path: String
        /// Number of images measured; for stored statistics, the number in their file.
        public let pictures: Int?
        /// Number of images that could not be read and were skipped.
        public let unreadable: Int
        /// Number of images that were cropped and resized.
        public let cropped: Int
        /// Whether the Fréchet distances use stored statistics.
        public let isStored: Bool
    }

    /// Network that the features come from.
    public struct Features: Codable, Sendable, Equatable {
        /// Name of the network, such as `Inception-v3, resized as by PyTorch (pytorch-fid)`.
        public let network: String
        public let weights: String
        /// `Fingerprint` of the weight file.
        public let hash: String
    }

    /// One measure with its value.
    public struct Measure: Codable, Sendable {
        /// Short, fixed name such as `fid`.
        public let name: String
        /// Name to display, such as `FID`.
        public let title: String
        public let value: Double
        /// Standard deviation over subsets, splits or images, if the measure is a mean over such.
        public let deviation: Double?
        /// 95 % interval of the value over other draws of as many generated images.
        public let interval: [Double]?
        /// Baseline: the value between two halves of the real images, which cannot be told from zero.
        public let floor: Double?
        /// Remark on how the value was computed.
        public let note: String?
        /// The value for each bootstrap resample of the generated images; empty if it has none. Not a part of the JSON.
        public private(set) var resampled: [Double] = []

        enum CodingKeys: String, CodingKey { case name, title, value, deviation, interval, floor, note }

        init(
            name: String, title: String, value: Double, deviation: Double?, interval: [Double]?, floor: Double?,
            note: String?, resampled: [Double]
        ) {
            (self.name, self.title, self.value, self.deviation) = (name, title, value, deviation)
            (self.interval, self.floor, self.note, self.resampled) = (interval, floor, note, resampled)
        }
    }

    /// Mean power of the brightness of each side's images at 1, 2, ... periods along the shorter side, in squared grey
    /// levels per pixel.
    public struct Spectra: Codable, Sendable, Equatable {
        public let real: [Double]
        public let generated: [Double]
    }

    public let program: String
    public let real: Side
    public let generated: Side
    /// Size at which the images were measured; nil if none were.
    public let size: ImageSize?
    public let features: Features?
    public let seed: UInt64
    public let resamples: Int
    public let measures: [Measure]
    /// Measures that the images do not allow, each with what it needs; nil if there are none.
    public let leftOut: [String]?
    /// Power spectra; nil unless both sides are images.
    public let spectra: Spectra?

    /// The measure with a name, such as `fid`.
    public subscript(name: String) -> Measure? { measures.first { $0.name == name } }

    /// JSON with one key per line; numbers that are not finite become the strings `inf`, `-inf` and `nan`.
    public func json() throws -> String { try JSON.text(self, isPretty: true) }
}
