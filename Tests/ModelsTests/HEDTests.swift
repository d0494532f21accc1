import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// HED against PyTorch (make_edge_fixtures.py).
@Suite struct HEDTests {
    private static let path = Fixtures.path("edges/hed.pth")

    @Test func theEdgesArePyTorchs() throws {
        let file = try SafetensorsFile(path: Fixtures.path("edges/hed.safetensors"))
        expectClose(try HED(path: Self.path)(file.tensor("picture")), try file.tensor("edges"), .network, "edges")
    }

    @Test func otherFilesAreRefused() {
        let other = Fixtures.path("pixart/sigma-256.pth")
        expectSentence(
            sentence { _ = try HED(path: other) }, naming: [other, "is not a HED", "ControlNetHED.pth"])
    }

    @Test(arguments: [(80, 52), (13, 111), (1, 1)])
    func bilinearPictures(rows: Int, columns: Int) throws {
        let file = try SafetensorsFile(path: Fixtures.path("edges/hed.safetensors"))
        expectClose(
            resizedBilinear(try file.tensor("edges"), height: rows, width: columns),
            try file.tensor("bilinear.\(rows)x\(columns)"))
    }
}
