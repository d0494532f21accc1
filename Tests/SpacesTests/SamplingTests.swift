import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@Suite struct SamplingTests {
    private let file: SafetensorsFile
    private let model: PixNerd

    init() throws {
        file = try Fixtures.pixnerd("tiny-sampling")
        model = try PixNerd(loading: TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: "ema_denoiser."))
    }

    @Test(arguments: [("grid", 9, Float(1)), ("grid_shifted", 6, Float(3))])
    func timesAreThoseOfTheReference(name: String, steps: Int, shift: Float) throws {
        let times = Tensor(SamplingSettings(steps: steps, shift: shift).times, shape: [steps + 1])
        expectClose(times, try file.tensor(name), Tolerance(relative: 1e-6, because: "float32 arithmetic"))
    }

    @Test func eulerFollowsTheReference() throws {
        let samples = try sample(
            model, noise: try file.tensor("noise"), condition: ClassCondition(try file.integers("labels")),
            settings: SamplingSettings(steps: 9, guidance: Guidance(scale: 3.5, lowerTime: 0.1, upperTime: 1)))
        expectClose(samples, try file.tensor("samples"), .network)
    }

    @Test func eulerFollowsTheReferenceWithAShift() throws {
        var steps: [Int] = []
        let samples = sample(
            model, noise: try file.tensor("noise"), condition: ClassCondition(try file.integers("labels")),
            settings: SamplingSettings(
                steps: 6, guidance: Guidance(scale: 2, lowerTime: 0.3, upperTime: 0.7), shift: 3),
            afterStep: { done, _ in steps.append(done) })
        expectClose(samples, try file.tensor("samples_shifted"), .network)
        #expect(steps == [1, 2, 3, 4, 5, 6])
    }

    /// A constant velocity is integrated exactly, and the null label is never used without guidance.
    private struct Constant: Denoiser {
        let channels = 1
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []
        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            let labels = condition.expect(ClassCondition.self, by: "Constant").labels
            return Tensor(labels.map { $0.map { Float($0[0]) } ?? 100 }, shape: [labels.count, 1, 1, 1])
        }
    }

    @Test func withoutGuidanceTheNullLabelIsNotEvaluated() throws {
        let noise = Tensor([0.5, -0.5], shape: [2, 1, 1, 1])
        let samples = try sample(
            Constant(), noise: noise, condition: ClassCondition([0, 1]),
            settings: SamplingSettings(steps: 7, guidance: Guidance(scale: 1)))
        expectClose(samples, Tensor([0.5, 0.5], shape: [2, 1, 1, 1]))
    }

    @Test func guidanceActsStrictlyInsideItsInterval() {
        let guidance = Guidance(scale: 4, lowerTime: 0.25, upperTime: 0.75)
        #expect([0, 0.25, 0.5, 0.75, 1].map(guidance.scale(at:)) == [1, 1, 4, 1, 1])
    }

    @Test func guidanceMayActAtItsBounds() {
        let guidance = Guidance(scale: 4, lowerTime: 0, upperTime: 0.75, includesEnds: true)
        #expect([0, 0.5, 0.75].map(guidance.scale) == [4, 4, 4] && guidance.scale(at: 0.76) == 1)
        let strict = Guidance(scale: 4, lowerTime: 0, upperTime: 0.75)
        #expect([0, 0.5, 0.75].map(strict.scale) == [1, 4, 1])
    }

    @Test func eachIntervalHasItsGuidance() {
        let guidance = Guidance(scales: [2, 5, 3], times: [0.1, 0.4, 0.8, 1])
        #expect(
            [0, 0.1, 0.2, 0.4, 0.5, 0.8, 0.9, 1].map(guidance.scale(at:)) == [1, 1, 2, 5, 5, 3, 3, 1])
    }

    @Test func batchesThatAreDoneAreLeftOutAndTheOthersStayAsTheyAre() throws {
        let requests = (0..<7).map { PictureRequest(label: $0 % 5, seed: UInt64($0)) }
        func sampled(without done: Range<Int>?) throws -> [Int: [Float]] {
            var pictures: [Int: [Float]] = [:]
            var moments: [[Int]] = []
            try samplePictures(
                model, conditioner: ClassConditioner(classes: 8), in: PixelSpace(), requests,
                size: PictureSize(height: 6, width: 10, multiple: model.sizeMultiple),
                settings: SamplingSettings(steps: 2), batchSize: 3, isDone: { $0 == done },
                afterStep: { moments.append([$0.first, $0.step, $0.done, $0.total]) },
                receive: { pixels, first in
                    #expect(pixels.shape.dropFirst().elementsEqual([3, 6, 10]))
                    for row in 0..<pixels.shape[0] { pictures[first + row] = pixels.rows(row..<row + 1).values }
                })
            #expect(
                moments
                    == (done == nil
                        ? [[0, 1, 1, 6], [0, 2, 2, 6], [3, 1, 3, 6], [3, 2, 4, 6], [6, 1, 5, 6], [6, 2, 6, 6]]
                        : [[0, 1, 1, 4], [0, 2, 2, 4], [6, 1, 3, 4], [6, 2, 4, 4]]))
            return pictures
        }
        let all = try sampled(without: nil)
        #expect(all.count == 7)
        #expect(try sampled(without: 3..<6) == all.filter { !(3..<6).contains($0.key) })
    }

    @Test func givenNoiseIsThatOfTheSeedItWasDrawnFrom() throws {
        let requests = (1...3).map { PictureRequest(label: $0, seed: UInt64($0)) }
        func sampled(_ noise: NoiseSource) throws -> [Float] {
            var pictures: [Float] = []
            try samplePictures(
                model, conditioner: ClassConditioner(classes: 8), in: PixelSpace(), requests,
                size: PictureSize(height: 8, width: 8),
                settings: SamplingSettings(steps: 1), batchSize: 2, noise: noise
            ) { pixels, _ in pictures += pixels.values }
            return pictures
        }
        let noise = requests.flatMap { request in
            var generator = TorchRandom(seed: request.seed)
            return generator.normal(count: 192)
        }
        #expect(try sampled(.given(Tensor(noise, shape: [3, 3, 8, 8]))) == sampled(.torch))
        #expect(try sampled(.torch) != sampled(.philox))
    }
}

@Suite struct FlowPathTests {
    @Test func endsAreNoiseAndData() {
        let data = Tensor([1, 2, 3, 4], shape: [2, 1, 1, 2])
        let noise = Tensor([-1, 0, 1, 2], shape: [2, 1, 1, 2])
        #expect(FlowPath.point(data: data, noise: noise, times: [0, 1]).values == [-1, 0, 3, 4])
        #expect(FlowPath.velocity(data: data, noise: noise).values == [2, 2, 2, 2])
    }

    @Test func logNormalTimesAreSymmetric() {
        var stream = RandomStream(seed: 0, purpose: .times)
        let times = (0..<20_000).map { _ in TimeSampling.logNormal.draw(&stream) }
        #expect(times.allSatisfy { $0 > 0 && $0 < 1 })
        #expect(abs(times.reduce(0, +) / 20_000 - 0.5) < 0.006)
        // P(sigmoid(z) < 0.25) = P(z < -log 3) = 0.1360
        let low = Float(times.filter { $0 < 0.25 }.count) / 20_000
        #expect(abs(low - 0.136) < 0.01)
    }

    @Test func shiftKeepsTheEnds() {
        #expect(shiftedTime(0, by: 3) == 0)
        #expect(shiftedTime(1, by: 3) == 1)
        #expect(shiftedTime(0.5, by: 3) == 0.25)
    }
}

@Suite struct PictureSizeTests {
    @Test func theMiddleOfTheNextLargerCanvas() {
        let size = PictureSize(height: 2, width: 3, multiple: 4)
        #expect(size.canvasHeight == 4 && size.canvasWidth == 4 && size.isCropped)
        let canvas = Tensor((0..<32).map(Float.init), shape: [1, 2, 4, 4])
        #expect(size.cropped(canvas).values == [4, 5, 6, 8, 9, 10, 20, 21, 22, 24, 25, 26])
        #expect(size.cropped(canvas).shape == [1, 2, 2, 3])
    }

    @Test func sidesThatDivideStay() {
        let size = PictureSize(height: 8, width: 12, multiple: 4)
        #expect(!size.isCropped && size.canvasHeight == 8 && size.canvasWidth == 12)
    }
}

@Suite struct PixelSpaceTests {
    @Test func everyLevelSurvivesARoundTrip() {
        let pixels: [UInt8] = (0..<256).flatMap { level -> [UInt8] in [UInt8(level), UInt8(255 - level), 7] }
        let batch = LoadedBatch(pixels: .bytes(pixels), labels: [0], indices: [0], imageSize: 16)
        let x = PixelSpace().encode(batch)
        #expect(x.shape == [1, 3, 16, 16])
        #expect(x.values.min() == -1 && x.values.max() == 1)
        #expect(roundedPictures(PixelSpace().decode(x)).map(\.pixels) == [pixels])
    }

    @Test func valuesOutsideAreClipped() {
        let x = Tensor([-3, 1.2, 0, .nan, .infinity, -.infinity], shape: [1, 3, 1, 2])
        #expect(roundedPictures(PixelSpace().decode(x))[0].pixels == [0, 128, 255, 255, 0, 0])
    }
}
