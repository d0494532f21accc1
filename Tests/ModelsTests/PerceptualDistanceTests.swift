import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The perceptual distance against LPIPS' formula in PyTorch.
@Suite struct PerceptualDistanceTests {
    private static let reference = Result {
        try SafetensorsFile(path: Fixtures.path("perceptual/reference.safetensors"))
    }

    private static func load(_ name: String) throws -> PerceptualDistance {
        try PerceptualDistance(path: Fixtures.path("perceptual/\(name)"))
    }

    @Test(arguments: [("vgg.safetensors", "plain"), ("lpips.pth", "linear")])
    func agreesWithPyTorch(file: String, kind: String) throws {
        let (reference, distance) = (try Self.reference.get(), try Self.load(file))
        #expect(distance.hasLinearWeights == (kind == "linear"))
        let pictures = Parameter(name: "a", value: try reference.tensor("a"))
        let target = try reference.tensor("b")
        var found: [Float] = []
        let mean = withGradient {
            let value = distance(pictures.tensor, target: target)
            found = value.pictures
            return value.mean
        }
        let expected = try reference.tensor("\(kind).distances")
        expectClose(Tensor(found, shape: [2]), expected, .network, "distances")
        #expect(abs(mean.scalar - (expected.values[0] + expected.values[1]) / 2) < 1e-5)
        expectClose(
            try #require(pictures.gradient), try reference.tensor("\(kind).grad.a"), .network, "gradient")
    }

    @Test func equalPicturesHaveNoDistance() throws {
        let pictures = try Self.reference.get().tensor("a")
        let parameter = Parameter(name: "a", value: pictures)
        let distance = try Self.load("lpips.pth")
        let mean = withGradient { distance(parameter.tensor, target: pictures).mean }
        // Directions are told apart from float32's last bit on, which squared is 1e-14.
        #expect(mean.scalar < 1e-12)
        #expect(try #require(parameter.gradient).values.allSatisfy { abs($0) < 1e-6 })
    }

    @Test func theSameWeightsHaveOneFingerprint() throws {
        try withTemporaryDirectory { directory in
            let (plain, linear) = (try Self.load("vgg.safetensors"), try Self.load("lpips.pth"))
            #expect(plain.fingerprint != linear.fingerprint)
            // The names of the package without its linear weights.
            let file = try TensorFile.open(path: Fixtures.path("perceptual/lpips.pth"))
            let names = file.names.filter { $0.hasPrefix("net.") }
            #expect(names.count == 26)
            try SafetensorsWriter.write(
                names.map { ($0, try file.tensor($0)) }, to: "\(directory)/net.safetensors")
            let renamed = try PerceptualDistance(path: "\(directory)/net.safetensors")
            #expect(renamed.fingerprint == plain.fingerprint && renamed.parameterCount == plain.parameterCount)
        }
    }

    @Test func countsWork() throws {
        let widths = [[4, 6], [6, 8], [8, 8, 10], [10, 8, 12], [8, 10, 12]]
        var (inputs, multiplyAdds, parameters, numbers) = (3, 0, 0, 20 * 18 * 3)
        for (level, block) in widths.enumerated() {
            let pixels = (20 >> level) * (18 >> level)
            numbers += pixels * inputs
            for width in block {
                multiplyAdds += pixels * 9 * inputs * width
                parameters += 9 * inputs * width + width
                numbers += pixels * width
                inputs = width
            }
        }
        let distance = try Self.load("vgg.safetensors")
        #expect(distance.multiplyAdds(height: 20, width: 18) == multiplyAdds)
        #expect(distance.parameterCount == parameters)
        #expect(distance.activations(height: 20, width: 18) == numbers)
    }

    @Test func whatIsNoVGGIsRefused() throws {
        func refusal(_ path: String) -> String {
            let error = #expect(throws: (any Error).self) { try PerceptualDistance(path: path) }
            return error.map { "\($0)" } ?? ""
        }
        let (autoencoder, _) = try Fixtures.autoencoder("single-file")
        expectSentence(refusal(autoencoder), naming: [autoencoder, "not a VGG16", "features.0.weight"])
        try withTemporaryDirectory { directory in
            let file = try SafetensorsFile(path: Fixtures.path("perceptual/vgg.safetensors"))
            try writeCopy(of: file, to: "\(directory)/a.safetensors", without: ["features.17.bias"])
            expectSentence(refusal("\(directory)/a.safetensors"), naming: ["lacks features.17.bias"])
            try writeCopy(of: file, to: "\(directory)/b.safetensors") { name, values in
                if name == "features.7.weight" { values[3] = .infinity }
            }
            expectSentence(refusal("\(directory)/b.safetensors"), naming: ["features.7.weight", "not finite"])
        }
        expectSentence(refusal("/nowhere/vgg.pth"), naming: ["/nowhere/vgg.pth"])
    }
}
