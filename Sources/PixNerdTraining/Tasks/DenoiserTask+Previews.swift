import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// What previews show.
extension DenoiserTask {
    /// The prompts of previews: the first classes, with values around their means if the model is told some; what images
    /// from all over the data have, which is a set of classes or a caption; or the lines of a file.
    func previewPrompts() throws -> [Prompt] {
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

    /// The prompts of images from all over the data, and the pictures that a ControlNet is shown of them; nil without one.
    ///
    /// - Throws: `PixNerdError` if none of the images can be read.
    func previewControl() throws -> (prompts: [Prompt], pictures: Tensor)? {
        guard let control = preparation.control else { return nil }
        let pictures = preparation.pictures
        let reader = CropReader(
            pictures, companions: control.companions, imageSize: configuration.data.imageSize,
            isPadded: configuration.data.crop.padsImages,
            decoding: preparation.decoding)
        var reason = ""
        guard let loaded = reader.read(pictures.evenPlaces(configuration.sampling.classes), unreadable: { reason = $0 })
        else { throw PixNerdError(.malformed, found: "no image for the previews can be read: \(reason)") }
        let data = preparation.space.space.encode(loaded) { RandomStream(seed: 0, purpose: .latents, index: $0) }
        return (prompts(of: loaded, in: pictures), try control.pictures(of: data, loaded))
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
