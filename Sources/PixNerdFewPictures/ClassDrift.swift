import Foundation
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport

/// Images of the old classes at fixed seeds, before and after a new one was learned, and of the new class; of a model of
/// texts, images of other prompts and of the new one.
public struct ClassDrift {
    /// How far the old classes moved, and how near the new one is.
    public struct Numbers: Codable, Sendable, Equatable {
        /// Sliced Wasserstein distance, times 1000, of the images of the old classes to those before, at the same seeds.
        public var drift: Double?
        /// Mean difference of their pixels, in levels of 255.
        public var pixelDrift: Double
        /// Distance of the images before to real ones of these classes; nil without these.
        public var realBefore: Double?
        /// Distance of the images after to real ones.
        public var realAfter: Double?
        /// Distance of images of the new class to the few pictures.
        public var newToPictures: Double?
        /// Number of images of the old classes.
        public var images: Int

        enum CodingKeys: String, CodingKey {
            case drift, images
            case pixelDrift = "pixel_drift"
            case realBefore = "real_before"
            case realAfter = "real_after"
            case newToPictures = "new_to_pictures"
        }
    }

    public let numbers: Numbers
    private let takesText: Bool
    /// The few pictures; images of the new class; and for each old class those before and after.
    public let sheet: RGBImage

    /// Number of images of an old class, at least; with few classes it is more.
    private static let perClass = 10
    /// Number of images of all old classes that distances need to mean something, and that take bearable time.
    private static let (atLeast, most) = (60, 1000)
    /// Number of old classes, and of images of each, on the sheet.
    private static let (shownClasses, shownImages) = (5, 8)

    /// Samples and measures.
    ///
    /// - Parameters:
    ///   - plan: A finished run.
    ///   - isCancelled: Called after each step of sampling; returns whether to stop.
    /// - Throws: `CancellationError` if it was stopped; `PixNerdError` if the run or the real images cannot be read.
    public init(
        _ plan: DreamBooth, isCancelled: () -> Bool, progress: (WorkProgress) -> Void
    ) throws {
        takesText = plan.takesText
        let usual = max(Self.perClass, (Self.atLeast + plan.classes.count - 1) / plan.classes.count)
        let each = plan.options.measured ?? usual
        // Models of many classes are measured on the first ones.
        let labels = plan.classes.indices.prefix(max(1, Self.most / each))
        let requests = labels.flatMap { label in
            (0..<each).map { PictureRequest(plan.prompt(label), seed: UInt64($0)) }
        }
        func images(_ path: String, _ requests: [PictureRequest], _ what: String) throws -> [RGBImage] {
            let job = try CheckpointSampling(path: path, plan.sampling).job(requests)
            var images: [RGBImage] = []
            try job.run(
                isCancelled: isCancelled, afterStep: { progress($0.progress(what)) },
                receive: { pixels, _ in images += shownPictures(pixels, job.space.format) })
            return images
        }
        let before = try images(plan.modelPath, requests, takesText ? "other prompts before" : "old classes before")
        let run = plan.configuration.runPath
        let after = try images(run, requests, takesText ? "other prompts after" : "old classes after")
        let new = try images(
            run,
            (0..<(plan.options.measured ?? max(16, usual))).map {
                PictureRequest(plan.prompt(plan.classes.count), seed: UInt64($0))
            }, takesText ? "new prompt" : "new class")
        let size = plan.configuration.data.imageSize
        let few = try Self.read(
            ImageCollection.pictures(below: plan.options.pictures), size: size, most: 30)
        let real = try plan.options.real.map { try Self.real($0, plan.classes, size: size, most: requests.count) }
        numbers = Numbers(
            drift: Self.distance(before, after), pixelDrift: Self.pixelDifference(before, after),
            realBefore: real.flatMap { Self.distance($0, before) },
            realAfter: real.flatMap { Self.distance($0, after) }, newToPictures: Self.distance(few, new),
            images: requests.count)
        func part(_ images: [RGBImage], of label: Int) -> [RGBImage] {
            Array(images[label * each..<label * each + min(each, Self.shownImages)])
        }
        func row(_ label: String, _ images: [RGBImage]) -> (label: String?, images: [RGBImage]) {
            (ImageGrid.canDraw(label) ? label : nil, images)
        }
        let old = labels.prefix(Self.shownClasses).flatMap { label in
            [
                row("\(plan.classes[label]), before", part(before, of: label)),
                row("after", part(after, of: label)),
            ]
        }
        sheet = ImageGrid.make(
            rows: [
                row("the pictures", Array(few.prefix(Self.shownImages))),
                row(plan.options.className, Array(new.prefix(Self.shownImages))),
            ] + old)
    }

    /// Real images of the classes, as many as are compared with them.
    private static func real(
        _ root: String, _ classes: [String], size: ImageSize, most: Int
    ) throws -> [RGBImage] {
        let all = try ImageCollection.open(root: root)
        let known = Set(classes)
        let places = all.samples.indices.filter { known.contains(all.classes[all.samples[$0].label]) }
        guard !places.isEmpty else {
            throw PixNerdError(
                .mismatch, "\(Setting.real) \(root)", found: "has none of the model's classes",
                expected: "a folder for each, such as \(classes.prefix(4).joined(separator: ", "))")
        }
        return try read(all.subset(places), size: size, most: most)
    }

    private static func read(_ images: ImageCollection, size: ImageSize, most: Int) throws -> [RGBImage] {
        let decoding = PictureDecoding()
        let reader = CropReader(images, imageSize: size, decoding: decoding)
        guard let batch = reader.read(images.evenPlaces(most), unreadable: { _ in }) else {
            throw PixNerdError(.malformed, "\(images.root):", found: "none of the images can be read")
        }
        return shownPictures(PixelSpace(decoding.format).encode(batch), decoding.format)
    }

    /// The mean over the levels of the pyramids, times 1000; nil for images that are too small.
    static func distance(_ a: [RGBImage], _ b: [RGBImage]) -> Double? {
        guard let (a, b) = both(batch(a), batch(b)),
            SlicedWasserstein.isMeasurable(height: a.height, width: a.width)
        else { return nil }
        func descriptors(_ batch: PixelBatch) -> SlicedWasserstein.Descriptors {
            var descriptors = SlicedWasserstein.Descriptors(
                height: batch.height, width: batch.width, expected: batch.count, seed: 0)
            descriptors.add(batch)
            return descriptors
        }
        let distances = SlicedWasserstein.distances(real: descriptors(a), generated: descriptors(b), seed: 0)
        return distances.reduce(0) { $0 + $1.value } / Double(distances.count)
    }

    private static func batch(_ images: [RGBImage]) -> PixelBatch? {
        images.first.map { first in
            PixelBatch(
                count: images.count, height: first.height, width: first.width, pixels: images.flatMap(\.pixels))
        }
    }

    static func pixelDifference(_ a: [RGBImage], _ b: [RGBImage]) -> Double {
        var (sum, count) = (0, 0)
        for (one, other) in zip(a, b) {
            for (x, y) in zip(one.pixels, other.pixels) { sum += abs(Int(x) - Int(y)) }
            count += one.pixels.count
        }
        return Double(sum) / Double(max(count, 1))
    }

    /// Writes the sheet and the numbers into the directory of the run.
    ///
    /// - Returns: The path of the sheet.
    public func write(to run: String) throws -> String {
        let path = "\(run)/dreambooth.png"
        try ImageFile.writePNG(sheet, to: path)
        try JSON.write(numbers, to: "\(run)/dreambooth.json")
        return path
    }

    /// The numbers in words, line by line.
    public var description: [(name: String, text: String)] {
        func text(_ number: Double) -> String { String(format: "%.1f", number) }
        var lines = [
            (
                takesText ? "other prompts" : "old classes",
                (numbers.drift.map { "sliced Wasserstein distance to before \(text($0)), " } ?? "")
                    + "pixels moved by \(text(numbers.pixelDrift)) of 255 (\(numbers.images) images at the same seeds)"
            )
        ]
        if let (before, after) = both(numbers.realBefore, numbers.realAfter) {
            lines.append(("to real images", "\(text(before)) before, \(text(after)) after"))
        }
        if let near = numbers.newToPictures {
            lines.append((takesText ? "new prompt" : "new class", "\(text(near)) from the pictures"))
        }
        return lines
    }
}
