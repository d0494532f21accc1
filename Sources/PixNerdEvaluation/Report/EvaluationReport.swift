import Foundation

/// What an evaluation found, and everything that decided it.
public struct EvaluationReport: Codable, Sendable {
    /// One of the two sides.
    public struct Side: Codable, Sendable, Equatable {
        public let path: String
        /// Pictures that were measured; of stored statistics what their file says.
        public let pictures: Int?
        /// Pictures that could not be read and were left out.
        public let unreadable: Int
        /// Pictures that were cropped and scaled to the size.
        public let cropped: Int
        /// Whether distances of normal distributions were taken from stored statistics.
        public let isStored: Bool
    }

    /// Where the features come from.
    public struct Features: Codable, Sendable, Equatable {
        /// Such as `Inception-v3, resized as by PyTorch (pytorch-fid)`.
        public let network: String
        public let weights: String
        /// `Fingerprint` of the file of weights.
        public let hash: String
    }

    /// One number.
    public struct Measure: Codable, Sendable {
        /// Short and fixed, such as `fid`.
        public let name: String
        /// For a person, such as `FID`.
        public let title: String
        public let value: Double
        /// The deviation over subsets or splits, where the measure is a mean of some.
        public let deviation: Double?
        /// Where 95 % of other draws of as many generated pictures would lie.
        public let interval: [Double]?
        /// The same measure between two halves of the real pictures: what cannot be told from zero.
        public let floor: Double?
        /// How the number came about, where there is something to know.
        public let note: String?
    }

    /// The mean power of the brightness of each side's pictures at 1, 2, ... periods along the shorter side, in squared grey
    /// levels a pixel.
    public struct Spectra: Codable, Sendable, Equatable {
        public let real: [Double]
        public let generated: [Double]
    }

    public let program: String
    public let real: Side
    public let generated: Side
    /// Of the pictures as they were measured; nil where none were.
    public let size: PictureExtent?
    public let features: Features?
    public let seed: UInt64
    public let resamples: Int
    public let measures: [Measure]
    /// Where both sides are pictures.
    public let spectra: Spectra?

    /// The measure of a name.
    public subscript(name: String) -> Measure? { measures.first { $0.name == name } }

    /// JSON with one key a line; numbers that are not finite are the texts `inf`, `-inf` and `nan`.
    public func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
