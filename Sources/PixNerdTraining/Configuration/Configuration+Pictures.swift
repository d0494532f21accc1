import PixNerdImages
import PixNerdModels
import PixNerdSupport

/// The images that a denoiser is trained on.
extension Configuration {
    /// Where the classes of the images come from.
    public var labelOptions: LabelOptions { LabelOptions(labels: data.labels, key: data.labelKey) }

    /// Where the captions of the images come from; nil for a model of classes.
    public var captionOptions: CaptionOptions? {
        guard text.isOn else { return nil }
        return CaptionOptions(
            key: data.captionKey.isEmpty ? nil : data.captionKey,
            template: data.captionTemplate.isEmpty ? nil : data.captionTemplate, keepsNewline: data.captionNewline,
            skipsUncaptioned: data.skipUncaptioned)
    }

    /// The images, with captions or values if the model is conditioned on them.
    func pictures(root: String) throws -> ImageCollection {
        guard let captions = captionOptions else {
            if let key = firstCaptionKeyInUse {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but neither text.encoder nor text.cache is",
                    advice: "set one of them to condition on captions, or remove the key")
            }
            let pictures = try ImageCollection.open(root: root, labels: labelOptions, values: data.values)
            try pictures.values?.expectNoneMissing()
            return pictures
        }
        guard data.values.isEmpty else {
            throw PixNerdError(
                .mismatch, "data.values",
                found: "is set, but the model is conditioned on captions, which take no values",
                advice: "remove it, or train on classes")
        }
        if captions.template == nil, let key = firstLabelKeyInUse {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but the model is conditioned on captions and not on classes",
                advice: "remove it, or make captions of the classes with data.caption_template")
        }
        return try Self.expectOneClass(
            ImageCollection.open(root: root, captions: captions, labels: labelOptions))
    }

    /// Checks that no image has several classes, which no caption can be made of.
    private static func expectOneClass(_ pictures: ImageCollection) throws -> ImageCollection {
        guard let sets = pictures.labelSets else { return pictures }
        let others = pictures.samples.indices.filter { sets[$0].count != 1 }
        let example = pictures.samples[others[0]].name
        throw PixNerdError(
            .unsupported, "\(pictures.root)",
            found: "has \(counted(others.count, "image")) with several classes or none, such as \(example)",
            expected: "one class for each image, to make its caption of",
            advice: "choose another column with data.label_key, or set data.labels to folders or none")
    }

    /// Sets the number of classes to that of the images, or checks that it suffices.
    mutating func checkClasses(_ pictures: ImageCollection) throws {
        let classes = pictures.classes.count
        if model.classes == 0 { model.classes = classes }
        guard model.classes >= classes else {
            throw PixNerdError(
                .mismatch, "model.num_classes",
                found: "is \(model.classes), but \(pictures.root) has \(classes) classes",
                advice: "remove it, or set it to at least \(classes)")
        }
    }

    /// The values of the images as a model is told them.
    ///
    /// - Throws: `PixNerdError` if one is the same for all images, so that nothing can be learned from it.
    static func trainedValues(_ pictures: ImageCollection) throws -> [TrainedValue] {
        guard let values = pictures.values else { return [] }
        return try values.names.indices.map { place in
            let spread = values.summary(of: place)
            guard let mean = spread.mean, let least = spread.minimum, let most = spread.maximum,
                let deviation = spread.standardDeviation, deviation.isNormal
            else {
                let found: ErrorText = spread.minimum.map { "is \($0) for all images" } ?? "has no number for any image"
                throw PixNerdError(
                    .malformed, "data.values: '\(spread.name)'", found: found + " of \(pictures.root)",
                    expected: "numbers that differ", advice: "remove it")
            }
            return TrainedValue(name: spread.name, mean: mean, deviation: deviation, least: least, most: most)
        }
    }
}
