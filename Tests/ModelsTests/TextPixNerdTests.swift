import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// The text-to-image PixNerd against its statement in PyTorch (`make_text_denoiser_fixtures.py`).
@Suite struct TextPixNerdTests {
    static let path = Fixtures.path("t2i/model.safetensors")

    static func fixture(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: Fixtures.path("t2i/\(name).safetensors"))
    }

    static func model(_ weights: String = "ema_denoiser.", recomputesBlocks: Bool = false) throws -> TextPixNerd {
        try TextPixNerd(
            loading: TensorSubset(TensorFile.open(path: path), prefix: weights), recomputesBlocks: recomputesBlocks)
    }

    /// One value for each of several texts [B, L, E]; equal rows are one value.
    static func condition(_ rows: Tensor, nothing: Tensor? = nil) -> TextCondition {
        let shape = Array(rows.shape.dropFirst())
        var known: [[Float]: TextRows] = [:]
        let texts = (0..<rows.shape[0]).map { image in
            let row = rows.rows(image..<image + 1).reshaped(shape)
            let text = known[row.values] ?? TextRows(row)
            known[row.values] = text
            return text
        }
        return TextCondition(texts, nothing: nothing.map(TextRows.init) ?? texts[0])
    }

    private static func routed(_ model: TextPixNerd, _ file: SafetensorsFile) throws -> any Denoiser {
        guard file.metadata["route"] == "field" else { return model }
        let sides = try #require(file.metadata["encoder_size"]).split(separator: "x").compactMap { Int($0) }
        try #require(sides.count == 2 && sides[0] == sides[1])
        return try #require(model.fieldResampled(trainedSize: ImageSize(sides[0])))
    }

    @Test(
        arguments: ["16x16", "16x40", "24x32_field", "8x12_field"],
        [("ema_denoiser.", "velocity"), ("denoiser.", "velocity_raw")])
    func velocity(name: String, weights: (prefix: String, expected: String)) throws {
        let file = try Self.fixture("forward_\(name)")
        let denoiser = try Self.routed(Self.model(weights.prefix), file)
        let velocity = denoiser.velocity(
            try file.tensor("x"), times: try file.tensor("t").values, condition: Self.condition(try file.tensor("y")))
        expectClose(velocity, try file.tensor(weights.expected), .network, name)
    }

    /// The Lightning checkpoint, whose raw weights are bf16; its averages are those of the other file.
    @Test func publishedCheckpoint() throws {
        let checkpoint = try DenoiserCheckpoint(path: Fixtures.path("t2i/model.ckpt"))
        #expect(try checkpoint.architecture(.ema) is TextPixNerdArchitecture)
        let file = try Self.fixture("forward_16x16")
        for (kind, expected, tolerance) in [
            (WeightKind.ema, "velocity", Tolerance.network),
            (.raw, "velocity_raw", Tolerance(relative: 2e-2, because: "weights are rounded to bf16")),
        ] {
            let velocity = try checkpoint.load(kind).velocity(
                file.tensor("x"), times: file.tensor("t").values, condition: Self.condition(file.tensor("y")))
            expectClose(velocity, try file.tensor(expected), tolerance, "\(kind)")
        }
    }

    /// What images share is computed once; the velocity of an image does not depend on the rest of its batch.
    @Test func imagesAreIndependent() throws {
        let file = try Self.fixture("forward_16x16")
        let model = try Self.model()
        let x = try file.tensor("x")
        let condition = Self.condition(try file.tensor("y"))
        #expect(condition.texts[0] === condition.texts[2] && condition.texts[0] !== condition.texts[1])
        // Times differ, agree for one text, and agree for all.
        for times in [[0.1, 0.5, 0.7], [0.3, 0.5, 0.3], [0.5, 0.5, 0.5]] as [[Float]] {
            let together = model.velocity(x, times: times, condition: condition)
            for image in 0..<3 {
                let range = image..<image + 1
                let alone = model.velocity(x.rows(range), times: [times[image]], condition: condition.rows(range))
                // Products of other sizes sum in another order.
                expectClose(alone, together.rows(range), .network, "\(times) image \(image)")
            }
        }
    }

    @Test func pairsOfTextAndTime() {
        let (one, other) = (TextRows(Tensor(zeros: [2, 3])), TextRows(Tensor(zeros: [2, 3])))
        let guided = DistinctTexts(TextCondition([one, one, other, one], nothing: one), times: [0.5, 0.5, 0.5, 0.25])
        #expect(guided.texts.map(ObjectIdentifier.init) == [one, other].map(ObjectIdentifier.init))
        #expect(guided.textOfPair == [0, 1, 0] && guided.imageOfPair == [0, 2, 3])
        #expect(guided.pairOfImage == [0, 0, 1, 2])
        let rows = Tensor((0..<2).map(Float.init), shape: [2, 1, 1])
        #expect(guided.ofPairs(rows).values == [0, 1, 0])
        #expect(guided.firstOfPairs(Tensor([5, 6, 7, 8], shape: [4, 1])).values == [5, 7, 8])
    }

    @Test(arguments: [("adams2", 25, 2, Float(3)), ("adams3", 9, 3, 3), ("euler", 12, 1, 1)])
    func samples(name: String, steps: Int, order: Int, shift: Float) throws {
        let file = try Self.fixture("samples")
        let settings = SamplingSettings(
            sampler: name == "euler" ? .euler : .adams(order: order), steps: steps,
            guidance: Guidance(scale: 4, lowerTime: 0, upperTime: 1), shift: shift)
        let condition = Self.condition(try file.tensor("y"), nothing: try file.tensor("nothing"))
        let model = try Self.model()
        expectClose(
            try sample(model, noise: try file.tensor("noise"), condition: condition, settings: settings),
            try file.tensor(name), .run, name)
        if name == "adams2" { #expect(model.architecture.publishedSampling == settings) }
    }

    @Test func samplesByTheFieldRoute() throws {
        let file = try Self.fixture("samples")
        let model = try Self.model()
        var settings = model.architecture.publishedSampling
        settings.steps = 12
        let condition = Self.condition(try file.tensor("y"), nothing: try file.tensor("nothing"))
        let route = try #require(model.fieldResampled(trainedSize: 16))
        let noise = try file.tensor("noise_24x32")
        let x = try sample(AnyField(route: route), noise: noise, condition: condition.rows(0..<1), settings: settings)
        expectClose(x, try file.tensor("adams2_24x32"), .run)
    }

    /// `sample` takes a denoiser whose type is known.
    private struct AnyField: Denoiser {
        let route: any FieldResampledDenoiser
        var channels: Int { route.channels }
        var sizeMultiple: ImageSize { route.sizeMultiple }
        var parameters: [Parameter] { route.parameters }
        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            route.velocity(x, times: times, condition: condition)
        }
    }

    /// A part of each patch's pixels gets the velocity that the whole patch would give it.
    @Test func partsOfPatchesAreDecodedAlike() throws {
        let file = try Self.fixture("forward_24x32_field")
        let route = try #require(try Self.model().fieldResampled(trainedSize: 16))
        var stream = RandomStream(seed: 5, purpose: .test)
        let pixels = PatchPixels(ofPatch: 12, 16, atMost: 5, &stream)
        let (x, times) = (try file.tensor("x"), try file.tensor("t").values)
        let condition = Self.condition(try file.tensor("y"))
        let part = route.decoding(pixels, of: x, times: times, condition: condition).velocity(
            pixels(x), times: times, condition: condition)
        #expect(part.shape == [2, 3, 10, 10])
        expectClose(part, pixels(route.velocity(x, times: times, condition: condition)), .network)
    }
}
