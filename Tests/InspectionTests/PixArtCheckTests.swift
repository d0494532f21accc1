import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdTestSupport
import Testing

/// Checks of PixArt, and of models of captions that begin as a model of classes, against PyTorch's results.
@Suite struct PixArtCheckTests {
    private static func check(_ model: String, _ reference: String) throws -> [Comparison] {
        try PixArtCheck(
            checkpoint: DenoiserCheckpoint(path: Fixtures.path("pixart/\(model)")).telling(heads: 2),
            reference: SafetensorsFile(path: Fixtures.path("pixart/\(reference).safetensors")), tolerance: 1e-4
        ).comparisons()
    }

    @Test(arguments: [
        ("alpha-1024-ms", "alpha-1024-ms_wide", 1), ("sigma-256.pth", "sigma-256_square", 3),
        ("sigma-256.pth", "samples", 7), ("sigma-256.pth", "training", 46),
        ("sigma-kvcompress-qknorm.pth", "sigma-kvcompress-qknorm", 1),
    ])
    func resultsAgree(model: String, reference: String, count: Int) throws {
        let file = try SafetensorsFile(path: Fixtures.path("pixart/\(reference).safetensors"))
        #expect(PixArtCheck.isReference(file) && !CaptionStartCheck.isReference(file))
        let comparisons = try Self.check(model, reference)
        #expect(comparisons.count == count && comparisons.allSatisfy(\.passes), "\(comparisons.filter { !$0.passes })")
    }

    /// Other weights are too far away, and samples with a model's own rows need a model that has some.
    @Test func whatDoesNotAgreeIsSaid() throws {
        #expect(try Self.check("sigma-256.pth", "sigma-kvcompress-qknorm").contains { !$0.passes })
        expectSentence(
            sentence { _ = try Self.check("alpha-1024-ms", "samples") },
            naming: ["alpha-1024-ms", "no rows of its own"])
        expectSentence(
            sentence { _ = try Self.check("start/class.safetensors", "samples") },
            naming: ["class.safetensors", "PixArt"])
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixart/sigma-256.pth"))
        expectSentence(
            sentence { _ = try checkpoint.load(.raw) }, naming: ["attention heads", "multiple of 72"])
    }

    @Test func beginningsAgree() throws {
        let file = try SafetensorsFile(path: Fixtures.path("pixart/start/text.safetensors"))
        #expect(CaptionStartCheck.isReference(file) && !PixArtCheck.isReference(file))
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("pixart/start/class.safetensors"))
        let comparisons = try CaptionStartCheck(checkpoint: checkpoint, reference: file, tolerance: 1e-4).comparisons()
        #expect(comparisons.count == 5 && comparisons.allSatisfy(\.passes), "\(comparisons)")
        let other = try DenoiserCheckpoint(path: Fixtures.path("pixart/alpha-1024-ms"))
        expectSentence(
            sentence {
                _ = try CaptionStartCheck(checkpoint: other, reference: file, tolerance: 1e-4).comparisons()
            }, naming: ["alpha-1024-ms", "model of classes"])
    }
}
