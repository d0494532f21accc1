import PixNerdSupport

/// What training at a size would make of the images that suit it.
public struct CropReport: Sendable, Codable, Equatable {
    /// The size, such as "64" or "64x96".
    public let size: String
    /// Number of images that are brought to this size.
    public let pictures: Int
    /// Number of those that are smaller and would be enlarged.
    public let enlarged: Int
    /// The share of an image that a centre crop cuts away: the mean over the images, from 0 to 1.
    public let meanLoss: Double
    /// The largest share.
    public let largestLoss: Double

    enum CodingKeys: String, CodingKey {
        case size, pictures, enlarged
        case meanLoss = "mean_loss"
        case largestLoss = "largest_loss"
    }

    /// Brings each image to the size that cuts away least of it.
    static func all(_ sizes: [ImageSize], of images: [ImageSize]) -> [CropReport] {
        guard !sizes.isEmpty else { return [] }
        let chosen = images.map { ImageBuckets.bucket(of: $0, among: sizes) }
        return sizes.indices.map { place in
            let own = zip(images, chosen).filter { $1 == place }.map(\.0)
            let losses = own.map { 1 - sizes[place].keptShare(of: $0) }
            return CropReport(
                size: sizes[place].text, pictures: own.count,
                enlarged: own.count { $0.height < sizes[place].height || $0.width < sizes[place].width },
                meanLoss: losses.isEmpty ? 0 : losses.reduce(0, +) / Double(losses.count),
                largestLoss: losses.max() ?? 0)
        }
    }
}
