import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The plain DiT against a statement of it in PyTorch, in float64 (`make_dit_fixtures.py`).
@Suite struct DiTTests {
    private static let path = Fixtures.path("dit/tiny.pt")

    private func reference(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("dit/tiny-\(name).safetensors"))
    }

    /// The network, its conversion to a velocity, other grids than that of training, and both ends of time.
    @Test(arguments: ["reference", "wide", "limits"])
    func velocity(name: String) throws {
        let file = try reference(name)
        let model = try DenoiserCheckpoint(path: Self.path).load(.ema)
        let (x, times, labels) = try (file.tensor("x"), file.tensor("t").values, file.integers("y"))
        let expected = try file.tensor("velocity")
        let velocity = model.velocity(x, times: times, condition: ClassCondition(labels))
        for image in 0..<times.count {
            // At t = 0 velocities are 200 times as large as at t = 1, so each image is compared by itself.
            let range = image..<image + 1
            expectClose(velocity.rows(range), expected.rows(range), .network, "\(name) at \(times[image])")
        }
    }

    @Test func sizesAreReadOffTheFile() throws {
        let checkpoint = try DenoiserCheckpoint(path: Self.path)
        let architecture = try #require(try checkpoint.architecture(.ema) as? DiTArchitecture)
        let expected = try DiTArchitecture(
            hiddenSize: 64, heads: 4, depth: 3, patchSize: 2, channels: 4, classes: 8, inputSize: 16)
        #expect(architecture == expected && architecture.trainedSide == 16)
        let model = try checkpoint.load(.ema)
        #expect(model.parameterCount == architecture.parameterCount)
        #expect(try JSONDecoder().decode(DiTArchitecture.self, from: JSONEncoder().encode(architecture)) == expected)
        #expect(ClassCondition([3, 5]).unconditional.rows(ofTableFor: expected.classes) == [[8], [8]])
    }

    /// DiT-XL/2 has 675 million parameters and takes 119 billion multiply-adds (the paper's table 4 has 118.64 Gflops).
    @Test func publishedSizes() throws {
        let extraLarge = try DiTArchitecture(hiddenSize: 1152, heads: 16, depth: 28)
        #expect((674_800_000...675_200_000).contains(extraLarge.parameterCount), "\(extraLarge.parameterCount)")
        let multiplyAdds = extraLarge.multiplyAdds(height: 32, width: 32)
        #expect((118_000_000_000...119_000_000_000).contains(multiplyAdds), "\(multiplyAdds)")
    }

    /// A file as people convert it: without the number of heads, it is that of a published width or refused.
    @Test func headsAreSaidOrPublished() throws {
        let tensors = TensorSubset(try TensorFile.open(path: Self.path), prefix: "ema_denoiser.")
        let error = #expect(throws: PixNerdError.self) {
            try KnownDenoisers.architecture(of: tensors)
        }
        #expect(error?.description.contains("how many heads") == true && error?.kind == .notFound)
        let said = try KnownDenoisers.architecture(of: tensors, metadata: ["num_heads": "8"])
        #expect((said as? DiTArchitecture)?.heads == 8)
        let json = String(decoding: try JSONEncoder().encode(said as? DiTArchitecture), as: UTF8.self)
        let recorded = try KnownDenoisers.architecture(of: tensors, metadata: ["architecture": json])
        #expect((recorded as? DiTArchitecture)?.heads == 8)
        #expect(throws: PixNerdError.self) {
            try KnownDenoisers.architecture(of: tensors, metadata: ["num_heads": "5"])
        }
    }

    @Test(arguments: ["pos_embed", "blocks.1.mlp.fc2.bias", "final_layer.linear.weight"])
    func whatIsMissingIsNamed(name: String) throws {
        try withTemporaryDirectory { directory in
            let file = try TensorFile.open(path: Self.path)
            let tensors = TensorSubset(file, prefix: "ema_denoiser.")
            try SafetensorsWriter.write(
                tensors.names.filter { $0 != name }.map { ($0, try tensors.tensor($0)) },
                metadata: ["num_heads": "4"], to: "\(directory)/part.safetensors")
            do {
                _ = try DenoiserCheckpoint(path: "\(directory)/part.safetensors").load(.ema)
                Issue.record("nothing is thrown")
            } catch {
                // Without positions it is not a DiT for sure, so no tensor of it is named.
                #expect("\(error)".contains(name) || name == "pos_embed", "\(error)")
                #expect("\(error)".contains("part.safetensors"), "\(error)")
            }
        }
    }
}
