import PixNerdSupport

/// A sheet that shows what a collection holds: a row for each of some classes, with a few of its pictures.
public enum ContactSheet {
    /// Draws the sheet.
    ///
    /// Where there are more classes or pictures than fit, those shown are spread evenly over all. Pictures that cannot
    /// be read are left out.
    ///
    /// - Parameters:
    ///   - collection: the pictures.
    ///   - classes: rows at most.
    ///   - pictures: pictures in a row at most.
    ///   - side: each picture is shown as its centre crop of this many pixels.
    /// - Throws: `PixNerdError` when no picture can be read.
    public static func make(
        _ collection: ImageCollection, classes: Int = 12, pictures: Int = 8, side: Int = 96
    ) throws -> RGBImage {
        precondition(
            classes > 0 && pictures > 0 && side > 0, "ContactSheet: \(classes) rows of \(pictures) at \(side) pixels")
        var samples = [[Int]](repeating: [], count: collection.classes.count)
        for (index, sample) in collection.samples.enumerated() { samples[sample.label].append(index) }
        let filled = samples.indices.filter { !samples[$0].isEmpty }
        let reader = PictureReader(fastDecode: true)
        var rows: [(label: String?, images: [RGBImage])] = []
        for label in spread(classes, over: filled) {
            let images = spread(pictures, over: samples[label]).compactMap { index in
                try? read(collection.samples[index], reader, side)
            }
            if !images.isEmpty { rows.append((collection.classes[label], images)) }
        }
        guard !rows.isEmpty else {
            throw ImageError("None of the pictures in \(collection.root) that a sheet would show can be read.")
        }
        return ImageGrid.make(rows: rows, padding: 4, scale: 1)
    }

    /// At most `count` of the values, evenly spread.
    private static func spread(_ count: Int, over values: [Int]) -> [Int] {
        guard values.count > count else { return values }
        return (0..<count).map { values[$0 * values.count / count] }
    }

    private static func read(_ sample: ImageCollection.Sample, _ reader: PictureReader, _ side: Int) throws -> RGBImage
    {
        let pixels = try [UInt8](unsafeUninitializedCapacity: side * side * 3) { buffer, count in
            try reader.read(
                sample, transform: ImageTransform(), size: side,
                random: ImageTransform.stream(seed: 0, epoch: 0, index: 0), into: buffer.baseAddress!)
            count = side * side * 3
        }
        return RGBImage(width: side, height: side, pixels: pixels)
    }
}
