import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSampling

/// Images that are embedded in the page.
package enum InlinePictures {
    /// The image as a data URL with a PNG.
    static func address(_ picture: RGBImage) throws -> String {
        "data:image/png;base64," + Data(try ImageFile.encodePNG(picture)).base64EncodedString()
    }

    /// Stacks images of one size vertically, without gaps.
    static func column(_ pictures: [RGBImage]) -> RGBImage {
        ImageGrid.make(rows: pictures.map { (label: nil, images: [$0]) }, padding: 0, scale: 1)
    }

    /// The centre of an image, at most a square with a side of `side` pixels.
    static func middle(_ picture: RGBImage, side: Int) -> RGBImage {
        let (width, height) = (min(side, picture.width), min(side, picture.height))
        return picture.cropped(
            x: (picture.width - width) / 2, y: (picture.height - height) / 2, width: width, height: height)
    }

    /// The difference from another image of the same size, amplified by a factor, around middle grey.
    package static func difference(_ picture: RGBImage, _ other: RGBImage, times: Int) -> RGBImage {
        let pixels = zip(picture.pixels, other.pixels).map { UInt8(clamping: 128 + times * (Int($0) - Int($1))) }
        return RGBImage(width: picture.width, height: picture.height, pixels: pixels)
    }

    /// Sampled images in the order of their seeds, with the names of their classes.
    ///
    /// - Parameter path: the path of an `.npz`, next to which its manifest lies.
    static func sampled(_ path: String) throws -> [(name: String, picture: RGBImage)] {
        let manifest = try SampleManifest(path: "\(path).json")
        return zip(manifest.pictures, try PictureArray.read(path)).map { ($0, $1) }
            .sorted { $0.0.seed < $1.0.seed }.map { ($0.0.className ?? $0.0.prompt ?? "", $0.1) }
    }
}
