import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The network of FID against pytorch-fid and torch-fidelity, with weights by a formula.
@Suite struct InceptionTests {
    private static let file = Result { try SafetensorsFile(path: Fixtures.path("evaluation/inception.safetensors")) }
    private static let shapes = Result {
        try ParameterStore.build(.initialize(seed: 0)) { scope in
            _ = Inception(scope)
            return scope.parameters.map { (name: $0.name, shape: $0.value.shape) }
        }
    }
    private static let network = Result { try Inception.load(FormulaWeights(shapes.get())) }
    private static let tolerance = Tolerance(
        relative: 1e-3, because: "the promise; some hundred layers in float32, batch normalisation folded in")

    /// The image formula_pictures(2, height, width, 1)[1] of `make_evaluation_fixtures.py`.
    private static func picture(_ height: Int, _ width: Int) -> [UInt8] {
        formulaPictures(2, height, width, kind: 1).suffix(height * width * 3)
    }

    private static func features(_ input: InceptionInput, _ height: Int, _ width: Int) throws -> Inception.Features {
        let pixels = Array(picture(height, width))
        return try network.get()(input.tensor(pixels: pixels, count: 1, height: height, width: width))
    }

    private static let sizes = [(32, 32), (48, 64), (299, 299), (350, 300)]

    @Test(arguments: InceptionInput.allCases, sizes)
    func featuresAreThoseOfTheReference(input: InceptionInput, size: (Int, Int)) throws {
        let features = try Self.features(input, size.0, size.1)
        let (file, name) = (try Self.file.get(), "\(input.rawValue).\(size.0)x\(size.1)")
        expectClose(features.pool, try file.tensor("\(name).pool"), Self.tolerance, "pool")
        expectClose(features.spatial, try file.tensor("\(name).spatial"), Self.tolerance, "spatial")
        guard input == .torchFidelity else { return }
        expectClose(features.logits, try file.tensor("\(name).logits_unbiased"), Self.tolerance, "unbiased logits")
        expectClose(
            try Self.network.get().biased(features.logits), try file.tensor("\(name).logits"), Self.tolerance, "logits")
    }

    @Test func theReferencesDiffer() throws {
        // Else the test above could not tell one way of resizing from the other.
        let features = try Self.features(.pytorchFID, 48, 64)
        let other = try Self.file.get().tensor("torch-fidelity.48x64.pool").values
        #expect(relativeError(features.pool.values, other) > 3 * Self.tolerance.relative)
    }

    @Test func aBatchIsItsPictures() throws {
        let network = try Self.network.get()
        let pixels = formulaPictures(3, 40, 40, kind: 1)
        let batch = network(InceptionInput.torchFidelity.tensor(pixels: pixels, count: 3, height: 40, width: 40))
        for picture in 0..<3 {
            let size = 40 * 40 * 3
            let alone = network(
                InceptionInput.torchFidelity.tensor(
                    pixels: Array(pixels[picture * size..<(picture + 1) * size]), count: 1, height: 40, width: 40))
            expectClose(batch.pool.rows(picture..<picture + 1), alone.pool, .network, "pool")
            expectClose(batch.spatial.rows(picture..<picture + 1), alone.spatial, .network, "spatial")
            expectClose(batch.logits.rows(picture..<picture + 1), alone.logits, .network, "logits")
        }
    }

    @Test func weightsAreThePublishedOnes() throws {
        let shapes = try Self.shapes.get()
        let count = try #require(try Self.file.get().integers("parameters").first)
        #expect(shapes.reduce(0) { $0 + $1.shape.reduce(1, *) } == count)
        // As counted by hooks on pytorch-fid's convolutions, and the last layer.
        #expect(try Self.network.get().multiplyAdds == 5_711_168_096 + 2048 * 1008)
        #expect(shapes.first?.name == "Conv2d_1a_3x3.conv.weight")
        #expect(shapes.contains { $0.name == "Mixed_7c.branch3x3dbl_3b.bn.running_var" })
        #expect(shapes.last { $0.name.hasSuffix("fc.weight") }?.shape == [1008, 2048])
    }

    @Test func otherWeightsAreRefusedByName() throws {
        var shapes = try Self.shapes.get()
        // Counters of batch normalisation may stand beside; a missing, a strange and a misshapen tensor may not.
        shapes.append((name: "Mixed_5b.branch1x1.bn.num_batches_tracked", shape: [1]))
        #expect(throws: Never.self) { try Inception.load(FormulaWeights(shapes)) }
        shapes.removeAll { $0.name == "Mixed_6d.branch1x1.bn.bias" }
        shapes.append((name: "AuxLogits.fc.bias", shape: [1000]))
        shapes[shapes.firstIndex { $0.name == "fc.weight" }!].shape = [1000, 2048]
        let error = try #require(throws: CheckpointMismatch.self) { try Inception.load(FormulaWeights(shapes)) }
        #expect(error.missing == ["Mixed_6d.branch1x1.bn.bias"])
        #expect(error.unexpected == ["AuxLogits.fc.bias"])
        #expect(error.misshapen.map(\.name) == ["fc.weight"])
    }
}
