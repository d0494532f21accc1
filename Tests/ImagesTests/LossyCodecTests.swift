import PixNerdImages
import PixNerdSupport
import Testing

/// JPEG and WebP files that are written.
@Suite struct LossyCodecTests {
    /// Smooth colours, which both formats keep well.
    private let image = RGBImage(
        width: 40, height: 24,
        pixels: (0..<40 * 24).flatMap { [UInt8($0 % 40 * 5), UInt8($0 / 40 * 9), UInt8(100 + $0 % 40)] })

    private func meanDifference(_ one: RGBImage, _ other: RGBImage) -> Double {
        zip(one.pixels, other.pixels).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) } / Double(one.pixels.count)
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
