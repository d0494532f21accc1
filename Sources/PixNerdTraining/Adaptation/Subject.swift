import PixNerdImages
import PixNerdSupport

/// A class that is learned from few images, which are half of each batch, while images of the other classes are the other
/// half (DreamBooth; Ruiz et al., arXiv 2208.12242, section 3.2).
struct Subject {
    /// Indices of the images of the class, and of the others.
    let (own, others): ([Int], [Int])
    private let label: Int
    private let priorWeight: Float

    /// Finds the class of a configuration.
    ///
    /// - Parameter images: the images that are trained on.
    /// - Returns: nil if the configuration names none.
    /// - Throws: `PixNerdError` if the images do not have the class, or no others.
    init?(_ configuration: Configuration, _ images: ImageCollection) throws {
        let section = configuration.subject
        guard !section.className.isEmpty else {
            guard let key = configuration.firstKeyInUse(of: "subject") else { return nil }
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but subject.class is empty",
                advice: "set subject.class, or remove it")
        }
        let key: ErrorText = "subject.class"
        guard images.captions == nil || configuration.captionOptions?.template != nil, images.labelSets == nil else {
            throw PixNerdError(
                .mismatch, key, found: "is set, but the images do not have one class each",
                advice: "remove it, or make captions of the folders with data.caption_template")
        }
        guard let label = images.classes.firstIndex(of: section.className) else {
            throw PixNerdError(
                .notFound, key, found: "is '\(section.className)', which is no class of \(images.root)",
                expected: "one of its classes, such as \(listed(images.classes, nearestTo: section.className))")
        }
        let own = images.samples.indices.filter { images.samples[$0].label == label }
        let others = images.samples.indices.filter { images.samples[$0].label != label }
        guard !own.isEmpty, !others.isEmpty else {
            throw PixNerdError(
                .mismatch, key,
                found: "is '\(section.className)', and \(images.root) has \(own.isEmpty ? "no" : "only") images of it",
                expected: "images of it and of other classes")
        }
        try Configuration.expectNone([
            Configuration.Clash(
                configuration.data.buckets != .none, key, "is set, but data.buckets is set, too", "remove one of them"),
            Configuration.Clash(
                configuration.training.batchSize % 2 != 0, "training.batch_size",
                "is \(configuration.training.batchSize), of which half are images of subject.class",
                "set it to an even number"),
        ])
        (self.own, self.others, self.label, priorWeight) = (own, others, label, section.priorWeight)
    }

    /// The factor of the loss of a batch of images of the class, or of the others: each half has its own mean.
    func weight(of batch: LoadedBatch) -> Float { batch.labels.first == label ? 2 : 2 * priorWeight }
}
