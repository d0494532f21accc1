import PixNerdImages
import PixNerdSupport
import Testing

/// Resampling and the centre crop, byte for byte as Pillow computes them.
@Suite struct ResamplingTests {
    struct Resize: Decodable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let kind: Int
        let newWidth: Int
        let newHeight: Int
        let filter: String
        let crc: UInt32
        var testDescription: String { "\(filter) \(width)x\(height) to \(newWidth)x\(newHeight)" }
    }

    struct Crop: Decodable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let kind: Int
        let size: Int
        let crc: UInt32
        var testDescription: String { "\(width)x\(height) to \(size)" }
    }

    @Test(arguments: try Fixture.json("resampling.json") as [Resize])
    func resizesAsPillowDoes(resize: Resize) throws {
        let image = syntheticPicture(width: resize.width, height: resize.height, kind: resize.kind)
        let filter = try #require(ResamplingFilter(rawValue: resize.filter))
        let result = resized(image, width: resize.newWidth, height: resize.newHeight, filter: filter)
        #expect(result.width == resize.newWidth && result.height == resize.newHeight)
        #expect(crc32(result.pixels) == resize.crc)
    }

    @Test(arguments: try Fixture.json("crops.json") as [Crop])
    func cropsAsGuidedDiffusionDoes(crop: Crop) {
        let image = syntheticPicture(width: crop.width, height: crop.height, kind: crop.kind)
        let result = admCenterCrop(image, size: ImageSize(crop.size))
        #expect(result.width == crop.size && result.height == crop.size)
        #expect(crc32(result.pixels) == crop.crc)
    }

    @Test func wholeResultsAreEqual() throws {
        let crop = admCenterCrop(syntheticPicture(width: 71, height: 53, kind: 1), size: 24)
        #expect(crop.pixels == (try Fixture.bytes("crop-71x53-to-24.rgb")))
        let resize = resized(
            syntheticPicture(width: 29, height: 23, kind: 0), width: 19, height: 31, filter: .bicubic)
        #expect(resize.pixels == (try Fixture.bytes("bicubic-29x23-to-19x31.rgb")))
    }

    /// Enlarged as a whole this would take 12 GB.
    @Test func aThreadOfAPictureTakesNoMoreThanItsCrop() {
        let image = syntheticPicture(width: 60000, height: 1, kind: 1)
        let result = admCenterCrop(image, size: 256)
        #expect(result.width == 256 && result.height == 256)
    }

    @Test func aPictureOfTheRightSizeIsKept() {
        let image = syntheticPicture(width: 48, height: 48, kind: 0)
        #expect(admCenterCrop(image, size: 48) == image)
        #expect(resized(image, width: 48, height: 48, filter: .lanczos) == image)
    }

    @Test func croppingTakesTheNamedPixels() {
        let image = syntheticPicture(width: 9, height: 7, kind: 0)
        let part = image.cropped(x: 2, y: 3, width: 4, height: 2)
        for y in 0..<2 {
            for x in 0..<4 {
                let (at, from) = ((y * 4 + x) * 3, ((y + 3) * 9 + x + 2) * 3)
                #expect(part.pixels[at..<at + 3].elementsEqual(image.pixels[from..<from + 3]))
            }
        }
    }
}
