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

/// Image to image, and inpainting.
@Suite struct EditTests {
    private static let samplers: [Sampler] = [
        .euler, .heun, .heunExact, .adams(order: 3), .stochastic, .dpm, .unipc(order: 2),
    ]
    private let model: PixNerd
    private let size = PictureSize(height: 16, width: 8)
    private let picture = Tensor.normal(
        [1, 3, 16, 8], streams: { _ in RandomStream(seed: 5, purpose: .samplingNoise) })
    private let requests = [PictureRequest(label: 1, seed: 3), PictureRequest(label: 0, seed: 4)]
    private let guidance = Guidance(scale: 2, lowerTime: 0.2, upperTime: 1)

    init() throws {
        model = try PixNerd(loading: TensorSubset(Fixtures.pixnerd("tiny-checkpoint"), prefix: "ema_denoiser."))
    }

    /// The left part stays, the right part is painted, and a column between them is mixed.
    private var mask: [Float] {
        (0..<16).flatMap { _ in [0, 0, 0, 0.25, 1, 1, 1, 1] as [Float] }
    }

    private func sampled(
        _ sampler: Sampler, steps: Int = 5, skipped: Int = 0, _ edit: PictureEdit?,
        after: (SamplingMoment) -> Void = { _ in }
    ) throws -> Tensor {
        var settings = SamplingSettings(sampler: sampler, steps: steps, guidance: guidance)
        settings.skippedSteps = skipped
        var result: Tensor?
        try samplePictures(
            model, conditioner: ClassConditioner(classes: 5), in: PixelSpace(), requests, size: size,
            settings: settings, edit: edit, batchSize: 2, noise: .torch, afterStep: after
        ) { pixels, _ in result = pixels }
        return try #require(result)
    }

    @Test(arguments: samplers)
    func whatStaysIsThePicture(sampler: Sampler) throws {
        let pixels = try sampled(sampler, PictureEdit(picture, mask: mask)).values
        let (free, known) = (try sampled(sampler, nil).values, picture.values)
        for i in pixels.indices {
            if i % 8 < 3 { #expect(pixels[i] == known[i % known.count]) }
            // What is painted sees what stays, and is not what it would be alone.
            if i % 8 > 3 { #expect(pixels[i] != known[i % known.count]) }
        }
        #expect(pixels != free)
    }

    /// Without the last mixing of pixels: the flow itself ends at the picture.
    @Test(arguments: samplers)
    func theFlowEndsAtWhatStays(sampler: Sampler) throws {
        let noise = Tensor.normal([1, 3, 16, 8], streams: { _ in RandomStream(seed: 6, purpose: .samplingNoise) })
        let x = sample(
            model, noise: noise, condition: ClassCondition([1]), known: KnownData(picture, painted: mask),
            settings: SamplingSettings(sampler: sampler, steps: 5, guidance: guidance, zeroSteps: 1),
            stepNoise: { _ in
                Tensor.normal([1, 3, 16, 8], streams: { _ in RandomStream(seed: 7, purpose: .samplingNoise) })
            },
            afterStep: { step, predicted in
                let predicted = predicted().values
                // Predictions show what stays from the first evaluation on.
                if step > 1 {
                    for i in predicted.indices where i % 8 < 3 { #expect(predicted[i] == picture.values[i]) }
                }
            })
        for (i, value) in x.values.enumerated() where i % 8 < 3 {
            #expect(abs(value - picture.values[i]) < 1e-5, "rounding of five steps")
        }
    }

    @Test func imageToImageTakesTheLastSteps() throws {
        var steps: [Int] = []
        let edit = PictureEdit(picture)
        let pixels = try sampled(.euler, steps: 6, skipped: 4, edit) { steps.append($0.step) }
        #expect(steps == [1, 2])
        // Euler's last two steps of six, from the picture with a third of noise.
        let times = SamplingSettings(steps: 6).times[4...]
        var noise: [Float] = []
        for request in requests {
            var generator = TorchRandom(seed: request.seed)
            noise += generator.normal(count: 3 * 16 * 8)
        }
        let both = Tensor.concatenated([picture, picture])
        var x = Tensor.combination(times[4], both, 1 - times[4], Tensor(noise, shape: both.shape))
        for step in 4..<6 {
            let velocity = guidance.velocity(model, x, time: times[step], condition: ClassCondition([1, 0]))
            x = Tensor.combination(1, x, times[step + 1] - times[step], velocity)
        }
        #expect(pixels.values == x.values)
    }

    @Test func strengthZeroGivesThePictureAndOneWhatSamplingGives() throws {
        let edit = PictureEdit(picture)
        #expect(try sampled(.euler, steps: 6, skipped: 6, edit).values == picture.values + picture.values)
        #expect(try sampled(.euler, edit).values == sampled(.euler, nil).values)
    }

    @Test func repeatedStepsAreDeterministicAndNotFinal() throws {
        let edit = PictureEdit(picture, mask: mask, repetitions: 2)
        let one = try sampled(.adams(order: 2), edit).values
        #expect(try sampled(.adams(order: 2), edit).values == one)
        #expect(try sampled(.adams(order: 2), PictureEdit(picture, mask: mask)).values != one)
        for i in one.indices where i % 8 < 3 { #expect(one[i] == picture.values[i % picture.count]) }
    }

    /// Steps that are repeated must leave the distribution as it is: noise that flows to noise of half the deviation keeps
    /// that deviation.
    @Test func repeatedStepsKeepTheDistribution() throws {
        struct Gaussian: Denoiser {
            let channels = 1
            let sizeMultiple: ImageSize = 1
            let parameters: [Parameter] = []
            /// The velocity of a flow to data of deviation 1/2: E[x1 - x0 | x] = (t / 4 - (1 - t)) x / var.
            func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
                let t = times[0]
                let factor = (t / 4 - (1 - t)) / (t * t / 4 + (1 - t) * (1 - t))
                return Tensor.combination(factor, x, 0, x)
            }
        }
        let shape = [1, 1, 100, 100]
        func noise(_ number: Int) -> Tensor {
            Tensor.normal(shape, streams: { _ in RandomStream(seed: UInt64(number), purpose: .samplingNoise) })
        }
        let x = try sample(
            Gaussian(), noise: noise(1000), condition: ClassCondition([0]),
            known: KnownData(Tensor(zeros: shape), painted: [Float](repeating: 1, count: 10_000), repetitions: 3),
            settings: SamplingSettings(steps: 200, guidance: Guidance(scale: 1)), stepNoise: noise)
        let variance = x.values.reduce(0.0) { $0 + Double($1 * $1) } / 10_000
        // The deviation of the estimate is 0.0035, and Euler's 200 steps take 0.006.
        #expect(abs(variance - 0.244) < 0.014)
    }

    /// A codec that averages squares of two pixels, and decodes them lighter by a tenth.
    private struct Lightening: LatentCodec {
        let latentChannels = 1
        let grid = LatentGrid(space: 2)
        func moments(_ pictures: Tensor) -> Tensor {
            let (height, width) = (pictures.shape[2] / 2, pictures.shape[3] / 2)
            let values = pictures.values
            let means = (0..<height * width).map { place in
                let corner = place / width * 2 * 2 * width + place % width * 2
                return
                    (values[corner] + values[corner + 1] + values[corner + 2 * width] + values[corner + 2 * width + 1])
                    / 4
            }
            return Tensor(means + [Float](repeating: -30, count: means.count), shape: [1, 2, height, width])
        }
        func decode(_ latents: Tensor) -> Tensor {
            let (height, width) = (latents.shape[2] * 2, latents.shape[3] * 2)
            let values = latents.values
            let pixels = (0..<height * width).map { values[$0 / width / 2 * (width / 2) + $0 % width / 2] + 0.1 }
            return Tensor(pixels, shape: [1, 1, height, width])
        }
    }

    @Test func latentsKeepPixelsAndHideTheSeam() throws {
        struct Still: Denoiser {
            let channels = 1
            let sizeMultiple: ImageSize = 1
            let parameters: [Parameter] = []
            /// All data is 0.5.
            func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
                Tensor.combination(
                    -1 / (1 - times[0]), x, 0.5 / (1 - times[0]), Tensor(x.values.map { _ in 1 }, shape: x.shape))
            }
        }
        let (height, width) = (8, 40)
        let picture = Tensor(
            (0..<height * width).map { 0.5 + ($0 % 2 == 0 ? 0.01 : -0.01) }, shape: [1, 1, height, width])
        let mask = (0..<height * width).map { $0 % width < 21 ? Float(0) : 1 }
        let space = LatentSpace(Lightening(), format: PixelFormat(.grey))
        var result: [Float] = []
        try samplePictures(
            Still(), conditioner: ClassConditioner(classes: 1), in: space, [PictureRequest(label: 0, seed: 1)],
            size: PictureSize(height: height, width: width, multiple: 2),
            settings: SamplingSettings(steps: 3, guidance: Guidance(scale: 1)),
            edit: PictureEdit(picture, mask: mask), batchSize: 1
        ) { pixels, _ in result = pixels.values }
        for i in result.indices where mask[i] == 0 { #expect(result[i] == picture.values[i]) }
        for row in 0..<height {
            // Half a pixel past the seam 62 % of the decoder's 0.1 are taken back, far away nothing.
            #expect(abs(result[row * width + 21] - 0.538) < 0.011)
            #expect(abs(result[row * width + 39] - 0.6) < 0.001)
        }
    }

    @Test func canvasesThatAreLargerRepeatTheEdges() {
        let size = PictureSize(height: 2, width: 3, multiple: 4)
        let canvas = size.padded(Tensor([1, 2, 3, 4, 5, 6], shape: [1, 1, 2, 3]))
        #expect(canvas.values == [1, 2, 3, 3, 1, 2, 3, 3, 4, 5, 6, 6, 4, 5, 6, 6])
        #expect(size.cropped(canvas).values == [1, 2, 3, 4, 5, 6])
    }
}
