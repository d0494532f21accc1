import PixNerdImages
import PixNerdSupport
import Testing

/// JPEG and WebP files that are written.
@Suite struct LossyCodecTests {
    /// Smooth colours, which both formats keep well.
    private let image: RGBImage = {
        var pixels: [UInt8] = []
        for y in 0..<24 {
            for x in 0..<40 { pixels += [UInt8(5 * x), UInt8(9 * y), UInt8(100 + x)] }
        }
        return RGBImage(width: 40, height: 24, pixels: pixels)
    }()

    private func meanDifference(_ one: RGBImage, _ other: RGBImage) -> Double {
        var sum = 0
        for (a, b) in zip(one.pixels, other.pixels) { sum += abs(Int(a) - Int(b)) }
        return Double(sum) / Double(one.pixels.count)
    }

    @Test(arguments: LossyFormat.allCases)
    func theyAreReadAgain(format: LossyFormat) throws {
        let (small, large) = (
            try ImageFile.encode(image, as: format, quality: 5), try ImageFile.encode(image, as: format, quality: 95)
        )
        #expect(small.count < large.count)
        let (rough, fine) = (
            try ImageFile.decode(small, name: "small"), try ImageFile.decode(large, name: "large")
        )
        #expect((fine.width, fine.height) == (40, 24))
        // Rounding and the conversion of colours take a level or two.
        #expect(meanDifference(fine, image) < 2.5)
        #expect(meanDifference(rough, image) > meanDifference(fine, image))
        #expect(meanDifference(rough, image) < 20)
    }

    @Test func sidesThatAreTooLongAreRefused() {
        let long = RGBImage(width: 16_384, height: 1, fill: (0, 0, 0))
        #expect(throws: PixNerdError.self) { try ImageFile.encode(long, as: .webp, quality: 50) }
        #expect(throws: Never.self) { try ImageFile.encode(long, as: .jpeg, quality: 50) }
    }
}
