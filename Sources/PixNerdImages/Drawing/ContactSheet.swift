import PixNerdSupport

/// An overview of a collection: one row per class, with a few of its images.
public enum ContactSheet {
    /// Draws the sheet.
    ///
    /// If there are more classes or images than fit, those shown are spread evenly over all. Images that cannot be read
    /// are left out.
    ///
    /// - Parameters:
    ///   - collection: the images.
    ///   - classes: maximum number of rows.
    ///   - pictures: maximum number of images per row.
    ///   - side: the side in pixels of the centre crop that is shown of each image.
    /// - Throws: `PixNerdError` if no image can be read.
    public static func make(
        _ collection: ImageCollection, classes: Int = 12, pictures: Int = 8, side: Int = 96
    ) throws -> RGBImage {
        precondition(
            classes > 0 && pictures > 0 && side > 0, "ContactSheet: \(classes) rows of \(pictures) at \(side) pixels")
        var samples = [[Int]](repeating: [], count: collection.classes.count)
        for (index, sample) in collection.samples.enumerated() { samples[sample.label].append(index) }
        let filled = samples.indices.filter { !samples[$0].isEmpty }
        let reader = PictureReader(PictureDecoding(isFast: true))
        var rows: [(label: String?, images: [RGBImage])] = []
        for label in spread(classes, over: filled) {
            let images = spread(pictures, over: samples[label]).compactMap { index in
                try? read(collection.samples[index], reader, side)
            }
            if !images.isEmpty { rows.append((collection.classes[label], images)) }
        }
        guard !rows.isEmpty else {
            throw PixNerdError(
                .malformed, "\(collection.root)", found: "contains no readable image to show on a contact sheet")
        }
        return ImageGrid.make(rows: rows, padding: 4, scale: 1)
    }

    /// A selection of at most `count` values, evenly spread.
    private static func spread(_ count: Int, over values: [Int]) -> [Int] {
        guard values.count > count else { return values }
        return (0..<count).map { values[$0 * values.count / count] }
    }

    private static func read(_ sample: ImageCollection.Sample, _ reader: PictureReader, _ side: Int) throws -> RGBImage
    {
        let pixels = try [UInt8](unsafeUninitializedCapacity: side * side * 3) { buffer, count in
            try reader.read(
                sample, transform: ImageTransform(), size: ImageSize(side),
                random: ImageTransform.stream(seed: 0, epoch: 0, index: 0), into: buffer.baseAddress!)
            count = side * side * 3
        }
        return RGBImage(width: side, height: side, pixels: pixels)
    }
}
