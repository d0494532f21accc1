import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// What previews show.
extension DenoiserTask {
    /// Samples images of some prompts with fixed seeds; of a model that is shown pictures, beside those of training
    /// images.
    func preview() throws -> RGBImage {
        let sampling = configuration.sampling
        let shown = try shownInPreviews(most: sampling.classes)
        let prompts = try shown?.prompts ?? previewPrompts()
        let sampled = try sampled(
            RequestList.each(prompts: prompts, seeds: (0..<sampling.perClass).map(UInt64.init)),
            shown.map { shown in
                RequestPictures(
                    ShownPictures(shown.pictures),
                    places: prompts.indices.flatMap { [Int](repeating: $0, count: sampling.perClass) })
            })
        let displayed = shown.flatMap { preparation.shown?.displayed($0.pictures) }
        let rows = prompts.enumerated().map { row, prompt in
            let name = conditioner.name(of: prompt)
            return (
                label: ImageGrid.canDraw(name) ? name : nil,
                images: (displayed.map { [$0[row]] } ?? [])
                    + sampled[row * sampling.perClass..<(row + 1) * sampling.perClass]
            )
        }
        return ImageGrid.make(rows: rows)
    }

    func samples(_ count: Int) throws -> [RGBImage] {
        guard let shown = try shownInPreviews(most: count) else {
            let prompts = try configuration.prompts(for: conditioner, most: count)
            return try sampled(RequestList.count(count, prompts: prompts, labels: .balanced, firstSeed: 0), nil)
        }
        return try sampled(
            shown.prompts.enumerated().map { PictureRequest($1, seed: UInt64($0)) },
            RequestPictures(ShownPictures(shown.pictures), places: Array(shown.prompts.indices)))
    }

    /// Samples images with the settings of previews.
    private func sampled(_ requests: [PictureRequest], _ pictures: RequestPictures?) throws -> [RGBImage] {
        let size = configuration.data.imageSize
        let conditions = TrainedConditions(dropout: configuration.labelDropout)
        // Guidance doubles the batch, so half a batch takes no more memory than training.
        return try SamplingJob(
            denoiser: model.predicting(objective.prediction), conditioner: conditioner, space: preparation.space.space,
            size: PictureSize(height: size.height, width: size.width),
            settings: conditions.applied(to: preparation.previewSettings).told(preparation.architecture.numbers),
            requests: requests, batch: max(1, configuration.training.batchSize / configuration.training.accumulate / 2),
            pictures: pictures
        ).images()
    }

    /// The prompts of previews: the first classes, with values around their means if the model is told some; what images
    /// from all over the data have, which is a set of classes or a caption; or the lines of a file.
    private func previewPrompts() throws -> [Prompt] {
        let (most, pictures) = (configuration.sampling.classes, preparation.pictures)
        if pictures.captions != nil, let texts = try configuration.previewTexts() { return texts.map(Prompt.text) }
        var contents: [Prompt] = []
        if pictures.captions != nil || pictures.labelSets != nil {
            for place in pictures.evenPlaces(most) {
                let caption = pictures.captions.map { $0[place].first.map(Prompt.text) }
                if let content = caption ?? .labels(pictures.labels(of: place)), !contents.contains(content) {
                    contents.append(content)
                }
            }
        } else {
            contents = Array(conditioner.allPrompts.prefix(min(most, pictures.classes.count)))
        }
        guard !conditioner.values.isEmpty else { return contents }
        let rows = valueRows()
        let shown = contents.prefix(max(1, most / rows.count)).flatMap { content in rows.map(content.with(values:)) }
        return Array(shown.prefix(most))
    }

    /// The prompts of at most so many images from all over the data, and the pictures that the model is shown of them; nil
    /// for none.
    ///
    /// - Throws: `PixNerdError` if none of the images can be read.
    private func shownInPreviews(most: Int) throws -> (prompts: [Prompt], pictures: Tensor)? {
        guard let shown = preparation.shown else { return nil }
        let pictures = preparation.pictures
        let reader = CropReader(
            pictures, companions: shown.companions, imageSize: configuration.data.imageSize,
            isPadded: configuration.data.crop.padsImages,
            decoding: preparation.decoding)
        var reason = ""
        guard let loaded = reader.read(pictures.evenPlaces(most), unreadable: { reason = $0 })
        else { throw PixNerdError(.malformed, found: "no image for the previews can be read: \(reason)") }
        let data = preparation.space.space.encode(loaded) { RandomStream(seed: 0, purpose: .latents, index: $0) }
        return (
            prompts(of: loaded, in: pictures),
            try shown.pictures(of: data, loaded) { .fixed(seed: 0, purpose: .pictureMasks, measurement: $0) }
        )
    }

    /// Values of previews: each in its turn a standard deviation below its mean and above, the others at their means; and
    /// all at their means.
    private func valueRows() -> [[Double?]] {
        let values = conditioner.values
        func row(_ changed: Int, _ deviations: Double) -> [Double?] {
            values.enumerated().map { $1.number(atDeviations: $0 == changed ? deviations : 0) }
        }
        return values.indices.flatMap { place in [-1, 0, 1].map { row(place, $0) } }
            .reduce(into: []) { rows, row in if !rows.contains(row) { rows.append(row) } }
    }
}
