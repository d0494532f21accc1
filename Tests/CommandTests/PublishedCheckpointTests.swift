import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// A checkpoint in the format of PyTorch and Lightning gives the images of the reference.
@Suite struct PublishedCheckpointTests {
    private static let steps = ["--steps", "9", "--shift", "1.5", "--guidance", "3.5", "--guidance-interval", "0.1,1"]

    /// The images of the labels 0, 2 and 4 with the seeds 11, 12 and 13, in this order.
    private func samples(_ place: Workplace, _ arguments: [String]) throws -> Tensor {
        try place.succeed(
            ["sample", Fixtures.path("torch/published.ckpt"), "--out", "out.safetensors", "--size", "16"]
                + ["--classes", "0,2,4", "--seeds", "11,12,13"] + Self.steps + arguments)
        let all = try SafetensorsFile(path: place.path("out.safetensors")).tensor("samples")
        // Three classes with three seeds each, of which the reference has the diagonal.
        return Tensor.concatenated([0, 4, 8].map { all.rows($0..<$0 + 1) })
    }

    @Test(arguments: [
        ("heun", ["--sampler", "heun"]), ("heun-exact", ["--sampler", "heun-exact"]),
        ("adams-1", ["--sampler", "adams", "--order", "1"]), ("adams-1", ["--sampler", "euler"]),
        ("adams-2", ["--sampler", "adams", "--order", "2"]), ("adams-3", ["--sampler", "adams", "--order", "3"]),
        ("adams-4", ["--sampler", "adams", "--order", "4"]),
    ])
    func samplesAreThoseOfTheReference(name: String, arguments: [String]) throws {
        try Workplace.with { place in
            let expected = try Fixtures.pixnerd("tiny-samplers").tensor("samples.\(name)")
            let found = try samples(place, arguments)
            #expect(found.shape == expected.shape)
            let largest = zip(found.values, expected.values).map { abs($0 - $1) }.max()
            #expect(try #require(largest) < 1e-3, "in -1 ... 1, as the whole way of nine steps may add up")
        }
    }
}
