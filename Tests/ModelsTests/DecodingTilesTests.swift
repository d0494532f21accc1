import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Decoding in overlapping tiles.
@Suite struct DecodingTilesTests {
    private static func noise(_ shape: [Int]) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 9, purpose: .test, index: $0) }
    }

    private static func model(levels: Int = 2) throws -> Autoencoder {
        Autoencoder(
            try AutoencoderArchitecture(
                levelWidths: [Int](repeating: 4, count: levels), blocksPerLevel: 1, groups: 2, hasAttention: false),
            seed: 3)
    }

    @Test func agreesWithTheSameTilesOfDiffusers() throws {
        let model = try AutoencoderCheckpoint(path: Fixtures.autoencoder("sd").path).load()
        let reference = try SafetensorsFile(path: Fixtures.path("autoencoder/tiles-reference.safetensors"))
        let tiles = try DecodingTiles(
            side: try #require(reference.metadata["side"].flatMap { Int($0) }),
            overlap: try #require(reference.metadata["overlap"].flatMap { Int($0) }))
        let latent = try reference.tensor("latent")
        let decoded = model.decode(latent, tiles: tiles)
        expectClose(decoded, try reference.tensor("decoded"), .network, "decoded")
        // Tiles are another picture than the whole.
        #expect(relativeError(decoded.values, model.decode(latent).values) > 0.01)
    }

    @Test func oneTileThatCoversAllIsExact() throws {
        let model = try AutoencoderCheckpoint(path: Fixtures.autoencoder("sdxl").path).load()
        let latent = Self.noise([2, 4, 5, 8])
        let whole = model.decode(latent)
        let tiles = try DecodingTiles(side: 8, overlap: 2)
        #expect(!tiles.isNeeded(height: 5, width: 8) && tiles.isNeeded(height: 5, width: 9))
        #expect(model.decode(latent, tiles: tiles).values == whole.values)
        #expect(model.decode(latent, tiles: nil).values == whole.values)
    }

    /// A decoder whose norms give zero paints one colour everywhere, which is left only where weights sum to 1.
    @Test(arguments: [(9, 24, 8, 2), (31, 7, 9, 3), (17, 17, 16, 5), (10, 11, 3, 1), (13, 5, 4, 0), (2, 23, 1, 0)])
    func weightsSumToOneAtAnySize(height: Int, width: Int, side: Int, overlap: Int) throws {
        let model = try Self.model()
        for parameter in model.parameters where parameter.name.contains("norm") {
            parameter.value = Tensor(zeros: parameter.value.shape)
        }
        let latent = Self.noise([2, 4, height, width])
        let tiles = try DecodingTiles(side: side, overlap: overlap)
        let (whole, tiled) = (model.decode(latent), model.decode(latent, tiles: tiles))
        #expect(Set(whole.values).count == 3)
        expectClose(tiled, whole, Tolerance(relative: 1e-6, because: "weights that sum to 1 in float32"), "decoded")
    }

    /// Equal latents become one colour far from the edges, so that every jump there is a seam.
    @Test func overlapsLeaveNoSeams() throws {
        let model = try Self.model(levels: 3)
        let latent = Tensor(repeating: 0.7, shape: [1, 4, 24, 40])
        func worstJump(_ picture: Tensor) -> Float {
            let middle = picture.values[(48 * 160 + 56)..<(48 * 160 + 104)]
            return zip(middle, middle.dropFirst()).reduce(0) { max($0, abs($1.0 - $1.1)) }
        }
        func tiled(_ side: Int, _ overlap: Int) throws -> Tensor {
            model.decode(latent, tiles: try DecodingTiles(side: side, overlap: overlap))
        }
        let (exact, beside) = (worstJump(model.decode(latent)), worstJump(try tiled(20, 0)))
        let blended = worstJump(try tiled(24, 8))
        #expect(exact < 1e-5 && beside > 1e-3, "\(exact) in the exact picture, \(beside) without an overlap")
        #expect(blended < 0.2 * beside, "\(blended) with an overlap, \(beside) without")
    }

    @Test func overlapsOfMoreThanAThirdAreRefused() throws {
        for (side, overlap) in [(0, 0), (9, 4), (8, -1)] {
            let error = #expect(throws: PixNerdError.self) { try DecodingTiles(side: side, overlap: overlap) }
            expectSentence(error?.description ?? "", naming: ["\(side)", "\(overlap)", "third"])
        }
        #expect(throws: Never.self) { try DecodingTiles(side: 9, overlap: 3) }
    }
}
