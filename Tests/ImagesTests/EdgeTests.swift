import PixNerdCheckpoints
import PixNerdImages
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Edges against OpenCV's and NumPy's (make_edge_fixtures.py).
@Suite struct EdgeTests {
    struct Case: Decodable, CustomTestStringConvertible {
        let width: Int
        let height: Int
        let kind: Int
        let low: Int
        let high: Int
        let count: Int
        let crc: UInt32
        var testDescription: String { "kind \(kind), \(width)x\(height), \(low) to \(high)" }
    }

    /// The picture that `picture` in make_edge_fixtures.py makes.
    private static func picture(width: Int, height: Int, kind: Int) -> RGBImage {
        guard kind == 2 else { return syntheticPicture(width: width, height: height, kind: kind) }
        let noise = syntheticPicture(width: width, height: height, kind: 0).pixels
        let blurred = (0..<width * height * 3).map { index -> UInt8 in
            let (pixel, color) = (index / 3, index % 3)
            let (x, y) = (pixel % width, pixel / width)
            var total = 0
            for row in y - 2...y + 2 {
                for column in x - 2...x + 2 {
                    let (row, column) = (min(max(row, 0), height - 1), min(max(column, 0), width - 1))
                    total += Int(noise[(row * width + column) * 3 + color])
                }
            }
            return UInt8(min(max((total / 25 - 128) * 4 + 128, 0), 255))
        }
        return RGBImage(width: width, height: height, pixels: blurred)
    }

    @Test(arguments: try Fixture.json("../edges/canny.json") as [Case])
    func cannyIsOpenCVs(of example: Case) throws {
        let image = Self.picture(width: example.width, height: example.height, kind: example.kind)
        let edges = try Canny(low: example.low, high: example.high)(image)
        #expect(edges.width == example.width && edges.height == example.height)
        #expect(edges.bytes.count { $0 == 255 } == example.count)
        #expect(crc32(edges.bytes) == example.crc)
    }

    @Test func softEdgesAreNumPys() throws {
        let expected = try SafetensorsFile(path: Fixture.path("../edges/soft.safetensors")).tensor("edges")
        let edges = SoftEdges()(Self.picture(width: 61, height: 44, kind: 2))
        expectClose(Tensor(edges.values, shape: [44, 61]), expected, .oneOperator, "soft edges")
        #expect(edges.values.max() == 1 && edges.values.min()! < 0.1)
    }

    @Test func aPlainPictureHasNoEdges() {
        let plain = RGBImage(width: 9, height: 7, fill: (10, 200, 90))
        #expect(Canny.usual(plain).values.allSatisfy { $0 == 0 })
        // Rounding errors are no edges.
        #expect(SoftEdges()(plain).values.allSatisfy { $0 < 1e-6 })
        #expect(SoftEdges()(RGBImage(width: 1, height: 1, fill: (1, 2, 3))).values == [0])
    }

    @Test func thresholdsAreChecked() {
        expectSentence(
            sentence { _ = try Canny(low: 200, high: 100) }, naming: ["lower threshold", "200", "at most 100"])
        expectSentence(sentence { _ = try Canny(low: 0, high: 2041) }, naming: ["higher threshold", "at most 2040"])
    }
}
