import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The video autoencoder against PyTorch.
@Suite struct VideoAutoencoderTests {
    static let path = Fixtures.path("video")

    private static func reference(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("video/\(name).safetensors"))
    }

    @Test func sizesComeFromTheTensors() throws {
        let checkpoint = try VideoAutoencoderCheckpoint(path: Self.path)
        #expect(
            try checkpoint.temporal
                == TemporalArchitecture(filters: 4, multipliers: [1, 2, 2, 4], blocksPerLevel: 1, groups: 2))
        #expect(checkpoint.spatial.levelWidths == [4, 8] && checkpoint.spatial.groups == 2)
        #expect(checkpoint.numbers.spatialFactor == 0.18215 && checkpoint.numbers.piece == 17)
        #expect(checkpoint.numbers.channels.scale == [3.85, 2.32, 2.33, 3.06])
        let model = try checkpoint.load()
        #expect(model.grid.space == 2 && model.grid.time == 4)
    }

    /// The weights' own factor is kept, and both are named.
    @Test func theFactorOfTheWeightsIsKept() throws {
        let warning = try #require(try VideoAutoencoderCheckpoint(path: Self.path).scaleWarning)
        for part in ["0.13025", "SDXL", "0.18215", "Stable Diffusion 1", "kept"] { #expect(warning.contains(part)) }
    }

    @Test(arguments: [1, 17, 21])
    func agreesWithPyTorch(frames: Int) throws {
        let reference = try Self.reference("frames-\(frames)")
        let model = try VideoAutoencoderCheckpoint(path: Self.path).load()
        let video = try reference.tensor("video").framesOfClip(0)
        let pieces = model.pieces.pieces(frames: frames)
        let noises = (
            try reference.tensor("noise_spatial").framesOfClip(0),
            try reference.tensor("noise_temporal").framesOfClip(0)
        )
        for draws in [false, true] {
            let latents = Tensor.concatenated(
                pieces.map { piece in
                    model.encode(
                        video.rows(piece.frames),
                        noise: draws
                            ? VideoNoise(
                                spatial: noises.0.rows(piece.frames), temporal: noises.1.rows(piece.latents)) : nil,
                        atOnce: 5)
                })
            let name = draws ? "latent_drawn" : "latent_of_means"
            expectClose(latents.asClip, try reference.tensor(name), .network, name)
        }
        let latents = try reference.tensor("latent_of_means").framesOfClip(0)
        #expect(model.pieces.latents(frames: frames) == latents.shape[0])
        let decoded = Tensor.concatenated(
            pieces.map { model.decode(latents.rows($0.latents), frames: $0.frames.count, atOnce: 3) })
        expectClose(decoded.asClip, try reference.tensor("decoded"), .network, "decoded")
    }

    @Test func gradientsAgreeWithPyTorch() throws {
        let reference = try Self.reference("training")
        let weight = try #require(reference.metadata["kl_weight"].flatMap { Float($0) })
        let (x, noise) = (try reference.tensor("x"), try reference.tensor("noise"))
        for kind in AutoencoderLoss.Reconstruction.allCases {
            let model = try VideoAutoencoderCheckpoint(path: Self.path).load().temporal
            let loss = TemporalLoss(kind, divergenceWeight: weight)
            var value: TemporalLoss.Value?
            withGradient {
                let found = loss(model, x, frames: 6, noise: noise)
                value = found
                return found.loss
            }
            let found = try #require(value)
            expectClose(found.loss.detached, try reference.tensor("\(kind).loss").reshaped([1]), .network, "loss")
            expectClose(
                Tensor(found.clips, shape: [2]), try reference.tensor("\(kind).reconstruction"), .network, "clips")
            expectClose(
                Tensor([found.divergence], shape: [1]), try reference.tensor("\(kind).divergence").reshaped([1]),
                .network, "divergence")
            guard kind == .l1 else { continue }
            for parameter in model.parameters {
                let gradient = try #require(parameter.gradient, "\(parameter.name) got no gradient")
                expectClose(gradient, try reference.tensor("grad.\(parameter.name)"), .network, parameter.name)
            }
        }
    }

    @Test func pieces() {
        let pieces = VideoPieces(piece: 17, factor: 4)
        #expect([1, 4, 5, 17, 18, 21, 22, 34, 35].map(pieces.latents) == [1, 1, 2, 5, 6, 6, 7, 10, 11])
        #expect(pieces.pieces(frames: 21).map(\.frames) == [0..<17, 17..<21])
        #expect(pieces.pieces(frames: 21).map(\.latents) == [0..<5, 5..<6])
    }
}
