import PixNerdImages
import PixNerdSupport

/// The images that a denoiser is trained on.
extension Configuration {
    /// Where the classes of the images come from.
    public var labelOptions: LabelOptions { LabelOptions(labels: data.labels, key: data.labelKey) }

    /// The images, with captions if the model is conditioned on them.
    func pictures(root: String) throws -> ImageCollection {
        guard let captions = captionOptions else {
            if let key = firstCaptionKeyInUse {
                throw PixNerdError(
                    .mismatch, "\(key)", found: "is set, but neither text.encoder nor text.cache is",
                    advice: "set one of them to condition on captions, or remove the key")
            }
            return try Self.expectOneClass(ImageCollection.open(root: root, labels: labelOptions))
        }
        if captions.template == nil, let key = firstLabelKeyInUse {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but the model is conditioned on captions and not on classes",
                advice: "remove it, or make captions of the classes with data.caption_template")
        }
        return try Self.expectOneClass(
            ImageCollection.open(root: root, captions: captions, labels: labelOptions))
    }

    /// Checks that no image has several classes.
    private static func expectOneClass(_ pictures: ImageCollection) throws -> ImageCollection {
        guard let sets = pictures.labelSets else { return pictures }
        let several = pictures.samples.indices.filter { sets[$0].count > 1 }
        let example = pictures.samples[several[0]].name
        throw PixNerdError(
            .unsupported, "\(pictures.root)",
            found: "has \(counted(several.count, "image")) with several classes, such as \(example)",
            expected: "one class for each image",
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
}
