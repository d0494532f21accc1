import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// What is drawn for the images of a step. Random numbers are keyed by the step and the place of an image in the whole
/// batch.
extension DenoiserTask {
    /// The random streams of a pass.
    struct Draws {
        let seed: UInt64
        let step: Int
        /// Index of the first image of the pass in the whole batch.
        let first: Int

        func stream(_ purpose: RandomPurpose, _ index: Int) -> RandomStream {
            RandomStream(seed: seed, purpose: purpose, step: step, index: first + index)
        }

        /// The stream that all passes of a step share.
        func shared(_ purpose: RandomPurpose) -> RandomStream { RandomStream(seed: seed, purpose: purpose, step: step) }
    }

    /// A batch with its noise, times, dropped labels and transforms, and the denoiser that it trains.
    ///
    /// - Parameter first: index of the first image in the whole batch.
    func batch(_ loaded: LoadedBatch, step: Int, first: Int) throws -> Batch {
        let loaded = preparation.holdout.inAll(loaded)
        let draws = Draws(seed: configuration.seed, step: step, first: first)
        var density = draws.shared(.fieldSize)
        let transforms = augmentations(count: loaded.count, draws)
        let images = try images(loaded, transforms, draws)
        let size = fieldSize(&density) ?? (images.shape[2], images.shape[3])
        let data = resized(images, size)
        let noise = noise(data.shape, draws)
        let route = route(trainedAt: loaded.imageSize)
        let shift = timeShift(of: data, by: route)
        let times = times(data.shape[0], shift, draws)
        let condition = try shown(condition(of: loaded, transforms, draws), data, loaded, draws) { pictures in
            resized(transforms.map { Augmentation.apply($0, to: pictures) } ?? pictures, size)
        }
        if let lessons {
            let taught = lessons.batch(
                model, objective.prediction, data: data, noise: noise, times: times, condition: condition, draws,
                isDropped: { isDropped($0, draws) }, later: { time(&$0, shift) })
            return Batch(pictures: taught, denoiser: model, dropout: dropout(draws))
        }
        let features = try preparation.features?.features(of: loaded)
        let covered = loaded.coveredMask
        func batch(
            _ data: Tensor, _ noise: Tensor, _ covered: Tensor?, _ denoiser: any AlignableDenoiser
        ) -> Batch {
            Batch(
                pictures: TrainingBatch(
                    data: data, noise: noise, times: times, condition: condition, features: features,
                    covered: covered),
                denoiser: denoiser, dropout: dropout(draws))
        }
        guard let route else { return batch(data, noise, covered, model) }
        let pixels = decodedPixels(data.shape, route, &density)
        guard pixels.isPart else { return batch(data, noise, covered, route) }
        let whole = FlowPath.point(data: data, noise: noise, times: times)
        return batch(
            pixels(data), pixels(noise), covered.map { pixels($0) },
            route.decoding(pixels, of: whole, times: times, condition: condition))
    }

    /// A condition with the pictures that the model is shown of images, if there are any.
    ///
    /// - Parameters:
    ///   - data: the images as they are trained on.
    ///   - loaded: the images as they were loaded.
    ///   - changed: changes pictures of a folder as the images were after loading.
    func shown(
        _ condition: any Condition, _ data: Tensor, _ loaded: LoadedBatch, _ draws: Draws,
        changed: (Tensor) -> Tensor = { $0 }
    ) throws -> any Condition {
        guard let shown = preparation.shown else { return condition }
        return condition.showing(
            ShownPictures(
                try shown.pictures(
                    of: data, loaded, masks: { draws.stream(.pictureMasks, $0) }, changed: changed)))
    }

    private func dropout(_ draws: Draws) -> BlockDropout? {
        let rate = configuration.model.dropout
        return rate > 0 ? BlockDropout(rate: rate, seed: draws.seed, step: draws.step, first: draws.first) : nil
    }

    /// The transforms of the images; nil if images stay as they are.
    private func augmentations(count: Int, _ draws: Draws) -> [Augmentation]? {
        let data = configuration.data
        guard data.augment > 0 else { return nil }
        let kinds = Set(data.augmentOnly)
        return (0..<count).map { index in
            var numbers = draws.stream(.toldAugmentation, index)
            return Augmentation(probability: data.augment, kinds: kinds, &numbers)
        }
    }

    private func images(_ loaded: LoadedBatch, _ transforms: [Augmentation]?, _ draws: Draws) throws -> Tensor {
        let images = try preparation.space.data(of: loaded) { draws.stream(.latents, $0) }
        return transforms.map { Augmentation.apply($0, to: images) } ?? images
    }

    func noise(_ shape: [Int], _ draws: Draws) -> Tensor {
        let noise = Tensor.normal(shape) { draws.stream(.noise, $0) }
        let scale = configuration.training.noiseScale
        return scale == 1 ? noise : scaled(noise, by: scale)
    }

    /// The model on the token grid of training, with patches decoded at any density; nil if it has only one density.
    ///
    /// - Parameter loaded: the size of the images, which several sizes are trained at, but one size may be loaded larger.
    private func route(trainedAt loaded: ImageSize) -> (any FieldResampledDenoiser)? {
        let size = configuration.data.buckets == .none ? configuration.data.imageSize : loaded
        return model.fieldResampled(trainedSize: size / preparation.space.space.reduction)
    }

    /// The shift of times by which the transformer sees equally noisy images at every density.
    private func timeShift(of data: Tensor, by route: (any FieldResampledDenoiser)?) -> Float {
        configuration.training.timeShift * (route?.timeShift(height: data.shape[2], width: data.shape[3]) ?? 1)
    }

    private func times(_ count: Int, _ shift: Float, _ draws: Draws) -> [Float] {
        (0..<count).map { index in
            var numbers = draws.stream(.times, index)
            return time(&numbers, shift)
        }
    }

    func time(_ numbers: inout RandomStream, _ shift: Float) -> Float {
        if let diffusion = objective.diffusion { return diffusion.drawTime(&numbers) }
        let training = configuration.training
        let time = training.timeSampling.draw(
            &numbers, mean: training.timeMean, deviation: training.timeDeviation)
        return shiftedTime(time, by: shift)
    }

    /// Whether an image is trained without any condition.
    private func isDropped(_ index: Int, _ draws: Draws) -> Bool {
        var numbers = draws.stream(.labelDropout, index)
        return numbers.nextUniform() < configuration.labelDropout
    }

    /// The prompt of an image with some of its values left open, each as often as images are trained without any
    /// condition, so that samples may leave them open, too.
    private func leavingOpen(_ prompt: Prompt, _ index: Int, _ draws: Draws) -> Prompt {
        guard !prompt.values.isEmpty else { return prompt }
        var numbers = draws.stream(.valueDropout, index)
        return prompt.with(values: prompt.values.map { numbers.nextUniform() < configuration.labelDropout ? nil : $0 })
    }

    /// The captions of images, or their classes and values.
    ///
    /// - Parameter pictures: the collection that the indices of the images are of.
    func prompts(of loaded: LoadedBatch, in pictures: ImageCollection) -> [Prompt] {
        loaded.captions.map { $0.map(Prompt.text) } ?? loaded.indices.map(pictures.prompt)
    }

    private func condition(
        of loaded: LoadedBatch, _ transforms: [Augmentation]?, _ draws: Draws
    ) throws -> any Condition {
        let prompts = prompts(of: loaded, in: preparation.holdout.all).enumerated().map {
            leavingOpen($1, $0, draws)
        }
        let condition = try conditioner.condition(prompts) { isDropped($0, draws) }
        guard let transforms else { return condition }
        return condition.telling(ModelNumbers(augmentation: transforms.map(\.numbers)))
    }

    /// The size at which this step decodes patches: height and width are drawn from the training size and
    /// `training.field_sizes`; nil if there are none of these.
    private func fieldSize(_ stream: inout RandomStream) -> (height: Int, width: Int)? {
        guard !configuration.training.fieldSizes.isEmpty else { return nil }
        let sizes = [configuration.data.squareSide] + configuration.training.fieldSizes
        return (sizes[stream.nextInteger(below: sizes.count)], sizes[stream.nextInteger(below: sizes.count)])
    }

    private func resized(_ images: Tensor, _ size: (height: Int, width: Int)) -> Tensor {
        guard size != (images.shape[2], images.shape[3]) else { return images }
        return resizedBicubic(images, height: size.height, width: size.width, kernel: .antialiased)
    }

    /// Draws the pixels to decode: per patch as many as at the training size, so that finer patches and fields that
    /// overlap take no more time.
    private func decodedPixels(_ shape: [Int], _ route: any FieldResampledDenoiser, _ stream: inout RandomStream)
        -> PatchPixels
    {
        // Rows and columns of patches.
        let grid = route.sizeMultiple
        let (height, width) = (shape[2] / grid.height, shape[3] / grid.width)
        return PatchPixels(
            ofPatch: height, width, margin: route.margin(ofPatch: height, width),
            atMost: preparation.architecture.patchSize, &stream)
    }
}
