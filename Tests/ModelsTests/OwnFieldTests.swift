import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// Fields that read other things than the published ones, and transformers that are told their density.
@Suite struct OwnFieldTests {
    private func architecture(
        _ positions: DenoiserOptions.FieldPositions = .centers, neighbors: Bool = true, overlap: Int = 0,
        told: Bool = true
    ) throws -> PixNerdArchitecture {
        try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 3, conditionedBlocks: 2, patchSize: 4, fieldWidth: 8,
            fieldPositions: positions, fieldNeighbors: neighbors, fieldOverlap: overlap, classes: 3,
            numbers: told ? [.density] : [])
    }

    private func noise(_ shape: [Int]) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 3, purpose: .test, index: $0) }
    }

    @Test(arguments: [(DenoiserOptions.FieldPositions.corners, 0), (.centers, 0), (.centers, 2)], [false, true])
    func sizesAreReadOffTheTensors(
        fields: (positions: DenoiserOptions.FieldPositions, overlap: Int), neighbors: Bool
    ) throws {
        try withTemporaryDirectory { directory in
            let architecture = try architecture(fields.positions, neighbors: neighbors, overlap: fields.overlap)
            let model = PixNerd.filled(architecture)
            #expect(model.parameterCount == architecture.parameterCount)
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write(model.parameters.map { ($0.name, $0.value) }, to: path)
            let checkpoint = try DenoiserCheckpoint(path: path)
            #expect(try checkpoint.architecture(.raw).isSame(as: architecture))
            let (x, condition) = (noise([1, 3, 8, 8]), ClassCondition([1]))
            #expect(
                try checkpoint.load(.raw).velocity(x, times: [0.3], condition: condition).values
                    == model.velocity(x, times: [0.3], condition: condition).values)
            let json = try JSON.text(architecture)
            #expect(JSON.value(PixNerdArchitecture.self, from: json) == architecture)
        }
    }

    /// A pixel gets the same velocity whether some or all pixels of its patch are decoded, with neighbors beyond it.
    @Test func somePixelsAreDecodedAsAllAre() throws {
        let model = PixNerd.filled(try architecture())
        let x = noise([2, 3, 28, 36])
        let (route, times, condition) = (
            FieldRoute(model, trainedSize: 16), [Float(0.2), 0.7], ClassCondition([1, 0])
        )
        var stream = RandomStream(seed: 1, purpose: .fieldSize)
        let pixels = PatchPixels(ofPatch: 7, 9, atMost: 4, &stream)
        let part = route.decoding(pixels, of: x, times: times, condition: condition).velocity(
            pixels(x), times: times, condition: condition)
        let whole = pixels(route.velocity(x, times: times, condition: condition))
        #expect(part.shape == [2, 3, 16, 16])
        expectClose(part, whole, .network)
    }

    /// Each field decodes the pixels around its patch, too, and the image is their blend.
    @Test func overlappingFieldsAreBlended() throws {
        let model = PixNerd.filled(try architecture(neighbors: true, overlap: 1, told: false))
        let x = noise([2, 3, 24, 36])
        let (route, times, condition) = (
            FieldRoute(model, trainedSize: 16), [Float(0.2), 0.7], ClassCondition([1, 0])
        )
        let margin = route.margin(ofPatch: 6, 9)
        #expect(margin == PatchMargin(rows: 1, columns: 2))
        let all = PatchPixels(ofPatch: 6, 9, margin: margin)
        let decoded = route.decoding(all, of: x, times: times, condition: condition).velocity(
            all(x), times: times, condition: condition)
        #expect(decoded.shape == [2, 3, 32, 52])
        let grid = PatchGrid(shape: x.shape, rows: 4, columns: 4)
        let blended = blendedPatches(
            PatchGrid(shape: decoded.shape, rows: 4, columns: 4).pixels(decoded), grid: grid, margin: margin)
        expectClose(route.velocity(x, times: times, condition: condition), blended, .network)
    }

    /// The size of training is seen as it is, by either route.
    @Test func theSizeOfTrainingIsNotChanged() throws {
        let model = PixNerd.filled(try architecture())
        let (x, condition) = (noise([2, 3, 16, 16]), ClassCondition([1, 0]))
        let route = FieldRoute(model, trainedSize: 16)
        #expect(
            route.velocity(x, times: [0.2, 0.7], condition: condition).values
                == model.velocity(x, times: [0.2, 0.7], condition: condition).values)
        #expect(route.timeShift(height: 16, width: 16) == 1)
        #expect(route.timeShift(height: 32, width: 32) == 2)
        #expect(FieldRoute(try PixNerdTests.model("tiny"), trainedSize: 16).timeShift(height: 32, width: 32) == 1)
    }

    /// Averages of finer images have the noise of the time that they are shown at, and the same data.
    @Test func averagesAreShownAtTheTimeOfTheirNoise() throws {
        let model = PixNerd.filled(try architecture())
        let (data, noise) = (noise([64, 3, 16, 16]), noise([64, 3, 32, 32]))
        let finer = resizedToNearest(data, height: 32, width: 32)
        let time: Float = 0.4
        let x = Tensor.combination(time, finer, 1 - time, noise)
        var seen: FieldViews?
        // What the transformer sees is told by a model that only keeps it.
        let keeper = ViewKeeper(model) { seen = $0 }
        _ = FieldRoute(keeper, trainedSize: 16).velocity(
            x, times: [Float](repeating: time, count: 64), condition: ClassCondition([Int?](repeating: 0, count: 64)))
        let views = try #require(seen)
        // Noise of half the deviation: 0.4 / (0.4 + 0.6 / 2).
        #expect(abs(views.times[0] - 0.4 / 0.7) < 1e-6)
        #expect(views.density == [1, 1])
        let own = views.times[0]
        let rest = Tensor.combination(1, views.seen, -own, data).values.map { $0 / (1 - own) }
        let deviation = (rest.reduce(0) { $0 + $1 * $1 } / Float(rest.count)).squareRoot()
        // 49,152 numbers: the deviation is known to 0.3 %.
        #expect(abs(deviation - 1) < 0.02)
    }
}

/// A model that hands on what it is shown.
private final class ViewKeeper: FieldModel, @unchecked Sendable {
    private let model: PixNerd
    private let keep: (FieldViews) -> Void

    init(_ model: PixNerd, keep: @escaping (FieldViews) -> Void) { (self.model, self.keep) = (model, keep) }

    var channels: Int { model.channels }
    var sizeMultiple: ImageSize { model.sizeMultiple }
    var parameters: [Parameter] { model.parameters }
    var tokenWidth: Int { model.tokenWidth }
    var tokenBlocks: Int { model.tokenBlocks }
    var isToldDensity: Bool { model.isToldDensity }
    func positions(ofPatch height: Int, _ width: Int) -> Tensor { model.positions(ofPatch: height, width) }
    func fieldInput(_ x: Tensor, times: [Float], _ condition: any Condition) -> Tensor {
        model.fieldInput(x, times: times, condition)
    }

    func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
        model.velocity(x, times: times, condition: condition)
    }

    func velocity(
        _ x: Tensor, times: [Float], condition: any Condition, tokensAfter blocks: [Int]
    ) -> (velocity: Tensor, tokens: [Int: Tensor]) {
        model.velocity(x, times: times, condition: condition, tokensAfter: blocks)
    }

    func velocity(
        _ views: FieldViews, condition: any Condition, afterBlock: (_ number: Int, _ tokens: Tensor) -> Void
    ) -> Tensor {
        keep(views)
        return model.velocity(views, condition: condition, afterBlock: afterBlock)
    }
}
