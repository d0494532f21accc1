import PixNerdSupport

/// Pictures of a second folder that belong to the images of a collection by their names: such as control pictures.
public struct PictureCompanions: Sendable {
    /// The location of the second folder, as given.
    public let root: String
    /// The picture of each image, in the order of the collection's samples.
    let samples: [ImageCollection.Sample]

    /// Finds the picture of each image: with the same path below the root, but for the extension.
    ///
    /// - Parameter root: a folder, or a zip archive of one.
    /// - Throws: `PixNerdError` if the folder cannot be read, or has no picture of an image or several.
    public init(root: String, of collection: ImageCollection) throws {
        let others = try ImageCollection.pictures(below: root)
        var places: [String: Int] = [:]
        for (place, sample) in others.samples.enumerated() {
            if let other = places.updateValue(place, forKey: others.companionStem(of: sample)) {
                throw PixNerdError(
                    .mismatch, "\(others.samples[other].name) and \(sample.name)",
                    found: "both belong to the same image", advice: "remove one of them")
            }
        }
        samples = try collection.samples.map { sample in
            let stem = collection.companionStem(of: sample)
            guard let place = places[stem] else {
                throw PixNerdError(
                    .notFound, "\(root)", found: "holds no picture for \(sample.name)",
                    expected: "a picture named \(stem).png, or with another extension")
            }
            return others.samples[place]
        }
        self.root = root
    }
}
