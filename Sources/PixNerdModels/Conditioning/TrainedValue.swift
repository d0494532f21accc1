import Foundation
import PixNerdSupport

/// A number that a model is told of each image, such as an age, and how it was spread in training. A checkpoint keeps
/// these in its metadata.
public struct TrainedValue: Codable, Sendable, Equatable {
    /// The column or key that it was read from.
    public let name: String
    /// Mean over the training images.
    public let mean: Double
    /// Standard deviation over the training images, above 0.
    public let deviation: Double
    /// The lowest number in training.
    public let least: Double
    /// The highest number in training.
    public let most: Double

    package static let key = "values"

    enum CodingKeys: String, CodingKey {
        case name, mean
        case deviation = "standard_deviation"
        case least = "minimum"
        case most = "maximum"
    }

    /// - Precondition: the standard deviation is above 0, and all numbers are finite.
    public init(name: String, mean: Double, deviation: Double, least: Double, most: Double) {
        (self.name, self.mean, self.deviation, self.least, self.most) = (name, mean, deviation, least, most)
        precondition(isValid, "TrainedValue: \(name) of mean \(mean) and standard deviation \(deviation)")
    }

    private var isValid: Bool {
        [mean, deviation, least, most].allSatisfy(\.isFinite) && deviation > 0 && least <= most
    }

    /// The values in a checkpoint's metadata; none if it has no such entry.
    ///
    /// - Parameter origin: The file that errors name.
    /// - Throws: `PixNerdError` if the entry is damaged.
    package static func all(_ metadata: [String: String], origin: String) throws -> [TrainedValue] {
        // Foreign files may have any text under this key.
        guard let text = metadata[key], text.hasPrefix("[{") else { return [] }
        guard let values = JSON.value([TrainedValue].self, from: text), values.allSatisfy(\.isValid) else {
            throw PixNerdError(
                .malformed, "\(origin):", found: "its metadata \(key) is damaged",
                expected: "values with their name, mean, standard_deviation, minimum and maximum",
                advice: "use another copy of the checkpoint")
        }
        return values
    }

    /// A number as the model is told it: in standard deviations from the mean.
    func standardised(_ number: Double) -> Float { Float((number - mean) / deviation) }

    /// A number a few standard deviations from the mean, with three digits of these, but none beyond those of training.
    package func number(atDeviations count: Double) -> Double {
        let decimals = min(max(2 - Int(log10(deviation).rounded(.down)), 0), 300)
        let number = mean + count * deviation
        return min(max(Double(String(format: "%.\(decimals)f", number)) ?? number, least), most)
    }

    /// The shortest text of a number, such as "30" or "1.5".
    static func text(_ number: Double) -> String {
        let text = "\(number)"
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// The value and its spread in words.
    public var summary: String {
        func text(_ number: Double) -> String { String(format: "%.4g", number) }
        return "\(name) from \(text(least)) to \(text(most)), mean \(text(mean)), standard deviation \(text(deviation))"
    }
}
