import Dispatch
import Foundation
import PixNerdSupport
import Synchronization

/// The minimum, median and maximum of some numbers.
public struct Spread<Value: Comparable & Sendable & Codable>: Sendable, Codable {
    public let smallest: Value
    /// The median; for an even count, the lower of the two middle values.
    public let median: Value
    public let largest: Value

    /// Nil if there are no numbers.
    init?(_ values: [Value]) {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        (smallest, median, largest) = (sorted[0], sorted[(sorted.count - 1) / 2], sorted[sorted.count - 1])
    }
}

/// A summary of a collection, made by reading every image.
public struct DatasetReport: Sendable, Codable {
    public struct ClassCount: Sendable, Codable, Equatable {
        public let name: String
        public let pictures: Int
    }

    public struct Unreadable: Sendable, Codable, Equatable {
        /// The path of the image, including that inside its shard.
        public let name: String
        public let reason: String
    }

    /// The location of the images, as given.
    public let root: String
    /// What the classes are, such as "labels of the class folders".
    public let labelling: String
    /// Number of images in supported formats, including unreadable ones.
    public let pictures: Int
    /// The classes, by label.
    public let classes: [ClassCount]
    /// Number of classes per image; nil if each image has one.
    public let classesPerPicture: Spread<Int>?
    /// Number of images by their number of classes; nil if each image has one.
    public let picturesByClasses: [Int: Int]?
    /// How the values that were asked for are spread; nil if none were.
    public let values: [ValueSummary]?
    /// Number of images per class.
    public let picturesPerClass: Spread<Int>
    /// Width in pixels; nil if no image could be read.
    public let width: Spread<Int>?
    /// Height in pixels; nil if no image could be read.
    public let height: Spread<Int>?
    /// Width divided by height; nil if no image could be read.
    public let aspectRatio: Spread<Double>?
    /// Number of images that are at least a third wider than high.
    public let landscape: Int
    /// Number of images that are at least a third higher than wide.
    public let portrait: Int
    /// Number of images that are neither landscape nor portrait.
    public let nearlySquare: Int
    /// What training would make of the images at the sizes that were given.
    public let crops: [CropReport]
    /// Number of images by the format of their files, such as "JPEG".
    public let formats: [String: Int]
    /// What training takes the images as unless it is told otherwise, such as "rgb, 8 bits".
    public let usualFormat: String
    /// The stored values that the images use, for images of 16 bits or float32; nil for others.
    public let usedLevels: UsedLevels?
    public let grey: Int
    public let cmyk: Int
    public let palette: Int
    /// Number of images with alpha or a transparent colour.
    public let alpha: Int
    public let sixteenBit: Int
    /// Number of images of float32.
    public let float: Int
    /// Number of images by stored channels.
    public let channels: [Int: Int]
    /// Number of images that EXIF says are to be shown turned or mirrored.
    public let turned: Int
    /// Number of images by the name of their embedded colour profile, which is ignored.
    public let profiles: [String: Int]
    /// Number of files with several images, of which the first is read.
    public let severalPages: Int
    /// Images that training would skip, in the collection's order.
    public let unreadable: [Unreadable]
    /// Number of images that can be read.
    public var readable: Int { pictures - unreadable.count }
    /// Number of images left out because their format is not supported, by extension.
    public let unsupported: [String: Int]
    /// Sentences about what else is left out, about a layout that looks like a mistake, and about classes without
    /// images.
    public let remarks: [String]
    /// Images that are there more than once.
    public let duplicates: DuplicateReport
    /// The captions of the images; nil if they were not looked at.
    public let captions: CaptionReport?

    /// Reads every image of a collection, on all processors.
    ///
    /// JPEG files are decoded at an eighth of their size, which finds the same damage in less time.
    ///
    /// - Parameters:
    ///   - collection: the images.
    ///   - sizes: the training sizes, if known.
    ///   - captions: a summary of the captions, which becomes part of this one.
    ///   - progress: receives the number of images read so far, from time to time.
    public init(
        inspecting collection: ImageCollection, sizes: [ImageSize] = [], captions: CaptionReport? = nil,
        progress: (_ done: Int) -> Void = { _ in }
    ) {
        let findings = Self.read(collection, progress)
        let facts = findings.compactMap(\.facts)
        root = collection.root
        labelling = collection.labelling
        pictures = collection.samples.count
        var counts = [Int](repeating: 0, count: collection.classes.count)
        for image in collection.samples.indices {
            for label in collection.labels(of: image) { counts[label] += 1 }
        }
        classesPerPicture = collection.labelSets.flatMap { sets in Spread((0..<sets.count).map { sets[$0].count }) }
        picturesByClasses = collection.labelSets.map { sets in
            Dictionary((0..<sets.count).map { (sets[$0].count, 1) }, uniquingKeysWith: +)
        }
        values = collection.values.map { values in values.names.indices.map(values.summary(of:)) }
        classes = zip(collection.classes, counts).map { ClassCount(name: $0, pictures: $1) }
        picturesPerClass = Spread(counts)!
        width = Spread(facts.map(\.width))
        height = Spread(facts.map(\.height))
        let ratios = facts.map { Double($0.width) / Double(max($0.height, 1)) }
        aspectRatio = Spread(ratios)
        landscape = ratios.count { $0 >= 4.0 / 3 }
        portrait = ratios.count { $0 <= 3.0 / 4 }
        nearlySquare = ratios.count - landscape - portrait
        crops = CropReport.all(sizes, of: facts.map(\.shownSize))
        formats = Dictionary(facts.map { ($0.format.name, 1) }, uniquingKeysWith: +)
        let usual = collection.usualFormat
        usualFormat = usual.description
        usedLevels = usual.element == .uint8 ? nil : collection.usedLevels
        grey = facts.count { $0.color == .grey }
        cmyk = facts.count { $0.color == .cmyk }
        palette = facts.count { $0.color == .palette }
        alpha = facts.count { $0.hasAlpha }
        sixteenBit = facts.count { $0.element == .uint16 }
        float = facts.count { $0.element == .float32 }
        channels = Dictionary(facts.map { ($0.channels, 1) }, uniquingKeysWith: +)
        turned = facts.count { $0.orientation != .asStored }
        profiles = Dictionary(facts.compactMap(\.profile).map { ($0, 1) }, uniquingKeysWith: +)
        severalPages = facts.count(where: \.hasFurtherPages)
        unreadable = zip(collection.samples, findings).compactMap { sample, finding in
            finding.problem.map { Unreadable(name: sample.name, reason: $0) }
        }
        unsupported = collection.unsupported
        remarks = collection.otherRemarks
        duplicates = DuplicateReport(findings.map(\.trace), collection.samples)
        self.captions = captions
    }

    /// The result of reading one image.
    private struct Finding: Sendable {
        let facts: PictureHeader?
        let problem: String?
        let trace: ImageTrace?
    }

    private static func read(_ collection: ImageCollection, _ progress: (Int) -> Void) -> [Finding] {
        var findings: [Finding] = []
        findings.reserveCapacity(collection.samples.count)
        let workers = ProcessInfo.processInfo.activeProcessorCount
        // One stretch of images per thread, then a progress report.
        let stretch = 64
        while findings.count < collection.samples.count {
            let first = findings.count
            let found = Mutex([[Finding]](repeating: [], count: workers))
            DispatchQueue.concurrentPerform(iterations: workers) { worker in
                let begin = first + worker * stretch
                guard begin < collection.samples.count else { return }
                let reader = PictureReader(PictureDecoding(isFast: true))
                let mine = collection.samples[begin..<min(begin + stretch, collection.samples.count)]
                    .map { inspect($0, reader) }
                found.withLock { $0[worker] = mine }
            }
            findings += found.withLock { $0 }.joined()
            progress(findings.count)
        }
        return findings
    }

    private static func inspect(_ sample: ImageCollection.Sample, _ reader: PictureReader) -> Finding {
        do {
            let bytes = try reader.bytes(of: sample)
            let (header, trace) = try reader.check(bytes, name: sample.name)
            return Finding(facts: header, problem: nil, trace: trace)
        } catch {
            // The size in the header of a broken file must not be counted.
            return Finding(facts: nil, problem: "\(error)", trace: nil)
        }
    }
}
