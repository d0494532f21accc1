/// Parts of a collection.
extension ImageCollection {
    /// Some of the images, with the classes of all.
    ///
    /// - Parameter places: indices into `samples`, at least one, in the order of the result.
    public func subset(_ places: [Int]) -> ImageCollection {
        ImageCollection(
            root: root, classes: classes, samples: places.map { samples[$0] }, leftOut: leftOut,
            labelSets: labelSets?.of(places), values: values?.of(places), captions: captions?.of(places),
            labelling: labelling, remarks: ownRemarks)
    }

    /// The images with their labels changed to those of other classes.
    ///
    /// - Parameters:
    ///   - classes: the names of the other classes, by label.
    ///   - labels: the label of each class of this collection among them.
    public func relabelled(_ classes: [String], labels: [Int]) -> ImageCollection {
        ImageCollection(
            root: root, classes: classes,
            samples: samples.map {
                Sample(path: $0.path, entry: $0.entry, range: $0.range, label: labels[$0.label])
            }, leftOut: leftOut, labelSets: labelSets?.relabelled(labels), values: values, captions: captions,
            labelling: labelling, remarks: ownRemarks)
    }
}

extension LoadedBatch {
    /// The batch with indices of images in another collection.
    ///
    /// - Parameter places: the index there of each image of the collection that the batch was read from.
    public func reindexed(_ places: [Int]) -> LoadedBatch {
        LoadedBatch(
            pixels: pixels, labels: labels, indices: indices.map { places[$0] }, imageSize: imageSize,
            captions: captions, covered: covered, companions: companions)
    }
}
