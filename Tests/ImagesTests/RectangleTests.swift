import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import Testing

@testable import PixNerdImages

/// Crops to other shapes than squares, and whole images with padding, byte for byte as Pillow makes them.
@Suite struct RectangleTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let kind: Int
        let mode: String
        let seed: UInt64
        let epoch: Int
        let index: Int
        let columns: Int
        let rows: Int
        /// Top, left, rows and columns of the image in the result.
        let area: [Int]
        let crc: UInt32
        var testDescription: String { "\(mode) \(width)x\(height) to \(columns)x\(rows)" }
        var size: ImageSize { ImageSize(height: rows, width: columns) }
    }

    @Test(arguments: try Fixture.json("rectangles.json") as [Case])
    func cropsAsPythonDoes(item: Case) throws {
        let image = syntheticPicture(width: item.width, height: item.height, kind: item.kind)
        let transform = ImageTransform(crop: try #require(CropMode(rawValue: item.mode)))
        let result = transform(image, size: item.size, seed: item.seed, epoch: item.epoch, index: item.index)
        #expect(result.width == item.columns && result.height == item.rows)
        #expect(crc32(result.pixels) == item.crc)
        let plan = CropPlan(
            transform, width: item.width, height: item.height, size: item.size,
            random: ImageTransform.stream(seed: item.seed, epoch: item.epoch, index: item.index))
        let rows = item.area[0]..<item.area[0] + item.area[2]
        #expect(plan.covered == ImageArea(rows: rows, columns: item.area[1]..<item.area[1] + item.area[3]))
    }

    /// The pixels of a mirrored image that is padded are where they were, in the other order.
    @Test func paddingStaysWhereItIsWhenMirrored() {
        let image = syntheticPicture(width: 21, height: 40, kind: 1)
        let size = ImageSize(height: 24, width: 32)
        var kinds: Set<Bool> = []
        for index in 0..<20 {
            let plain = ImageTransform(crop: .whole)(image, size: size, seed: 1, epoch: 0, index: index)
            let flipped = ImageTransform(crop: .whole, flip: true)(image, size: size, seed: 1, epoch: 0, index: index)
            kinds.insert(plain == flipped)
            guard plain != flipped else { continue }
            // 21 x 40 becomes 13 x 24, 9 columns from the left.
            for y in 0..<24 {
                for x in 0..<13 {
                    let (at, from) = ((y * 32 + 9 + x) * 3, (y * 32 + 9 + 12 - x) * 3)
                    #expect(flipped.pixels[at..<at + 3].elementsEqual(plain.pixels[from..<from + 3]))
                }
            }
        }
        #expect(kinds.count == 2)
    }
}
