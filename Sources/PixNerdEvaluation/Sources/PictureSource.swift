import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport

/// Images of one side of an evaluation, in a fixed order: a folder, shards, or `arr_0` of an `.npz`.
public struct PictureSource: Sendable {
    private enum Kind: Sendable {
        case collection(ImageCollection)
        case array(NpzFile)
        case memory([RGBImage])
    }

    public let path: String
    private let kind: Kind
    /// Indices of the images that are used, ascending.
    private let places: [Int]
    /// Size of the first image.
    public let size: ImageSize
    /// The channels and values that the images have.
    public let format: PixelFormat

    /// Name of the array that holds the images.
    private static let arrayName = "arr_0"

    /// Number of images that are used.
    public var count: Int { places.count }
    /// Whether the images are sorted by file name, and so by class, and not already shuffled.
    public var isSortedByName: Bool {
        if case .collection = kind { true } else { false }
    }

    /// - Parameter limit: the maximum number of images, sampled evenly.
    /// - Throws: `PixNerdError` if there is no image that can be read.
    init(folder path: String, limit: Int?) throws {
        let collection = try ImageCollection.pictures(below: path)
        guard let first = collection.firstSize else {
            throw PixNerdError(
                .malformed, "None of the \(collection.samples.count) images in \(path)", found: "can be read")
        }
        self.init(
            path: path, kind: .collection(collection), total: collection.samples.count, limit: limit,
            size: ImageSize(height: first.height, width: first.width), format: collection.usualFormat)
    }

    /// Opens the images of a file; nil if it holds none.
    ///
    /// - Throws: `PixNerdError` if `arr_0` is not an array of images.
    init?(_ file: NpzFile, limit: Int?) throws {
        guard let shape = file.shape(of: Self.arrayName) else { return nil }
        guard let element = file.elementType(of: Self.arrayName).flatMap(Raster.Element.init), shape.count == 4,
            shape.allSatisfy({ $0 > 0 }), shape[3] <= ImageFile.maximumChannels,
            shape[1] <= ImageFile.maximumPixels / shape[2]
        else {
            throw PixNerdError(
                .malformed, "\(file.path): arr_0",
                found: "is \(file.elementType(of: Self.arrayName)?.rawValue ?? "") of shape \(shape)",
                expected: "images as uint8, uint16 or float32 [N, H, W, C], where C is 3 for colours")
        }
        self.init(
            path: file.path, kind: .array(file), total: shape[0], limit: limit,
            size: ImageSize(height: shape[1], width: shape[2]),
            format: PixelFormat(shape[3] == 1 ? .grey : shape[3] == 3 ? .rgb : .plain(shape[3]), element))
    }

    /// Images in memory, all of one size.
    ///
    /// - Parameter path: a name for messages.
    init(_ pictures: [RGBImage], path: String) {
        precondition(!pictures.isEmpty, "PictureSource: no images")
        self.init(
            path: path, kind: .memory(pictures), total: pictures.count, limit: nil,
            size: ImageSize(height: pictures[0].height, width: pictures[0].width), format: .rgb8)
    }

    private init(path: String, kind: Kind, total: Int, limit: Int?, size: ImageSize, format: PixelFormat) {
        let count = min(limit ?? total, total)
        self.init(path: path, kind: kind, places: (0..<count).map { $0 * total / count }, size: size, format: format)
    }

    private init(path: String, kind: Kind, places: [Int], size: ImageSize, format: PixelFormat) {
        (self.path, self.kind, self.places, self.size, self.format) = (path, kind, places, size, format)
    }

    /// Names of the images relative to the folder, without extension; nil for an array, whose images have none.
    var names: [String]? {
        guard case .collection(let collection) = kind else { return nil }
        return places.map { place in
            let sample = collection.samples[place]
            let below = sample.path.hasPrefix(path) ? String(sample.path.dropFirst(path.count)) : sample.path
            let name = sample.entry ?? below
            let ending = URL(fileURLWithPath: name).pathExtension
            let stem = ending.isEmpty ? name : String(name.dropLast(ending.count + 1))
            return String(stem.drop { $0 == "/" })
        }
    }

    /// Some of the images.
    ///
    /// - Parameter places: indices of the images among all of the source, ascending.
    func only(_ places: [Int]) -> PictureSource {
        PictureSource(path: path, kind: kind, places: places, size: size, format: format)
    }

    /// The name of an image in a report: its path below the folder, or its row in an array.
    ///
    /// - Parameter place: index of the image among all of the source.
    func name(at place: Int) -> String {
        guard case .collection(let collection) = kind else { return "row \(place)" }
        let name = collection.samples[place].name
        let below =
            name.utf8.starts(with: path.utf8)
            ? String(decoding: name.utf8.dropFirst(path.utf8.count), as: UTF8.self) : name
        return String(below.drop { $0 == "/" })
    }

    /// Calls `body` with the images in order, batch by batch.
    ///
    /// - Parameters:
    ///   - size: the size of all images.
    ///   - format: the channels and values that images are converted to.
    ///   - crops: whether images of another size are centre-cropped and resized, as for training.
    ///   - batch: images per batch; unreadable images leave a batch smaller.
    ///   - unreadable: receives the error for each image that is skipped.
    /// - Returns: the number of images that were cropped or resized.
    /// - Throws: `PixNerdError` if an image has another size and must not or cannot be cropped; whatever `body` throws.
    @discardableResult
    func forEachBatch(
        size: ImageSize, format: PixelFormat = .rgb8, crops: Bool, batch: Int, unreadable: (PixNerdError) -> Void,
        _ body: (PixelBatch) throws -> Void
    ) throws -> Int {
        try forEachPlacedBatch(size: size, format: format, crops: crops, batch: batch, unreadable: unreadable) {
            batch, _ in
            try body(batch)
        }
    }

    /// Calls `body` with the images in order, batch by batch, as `forEachBatch` does, and with their places: indices of
    /// the images among all of the source, in ascending order.
    @discardableResult
    func forEachPlacedBatch(
        size: ImageSize, format: PixelFormat = .rgb8, crops: Bool, batch: Int, unreadable: (PixNerdError) -> Void,
        _ body: (_ batch: PixelBatch, _ places: [Int]) throws -> Void
    ) throws -> Int {
        var fitting = Fitting(size: size, crops: crops)
        // No larger than there are images, so that sums with it do not overflow.
        let batch = min(batch, max(count, 1))
        switch kind {
        case .collection(let collection):
            let decoding = PictureDecoding(format: format)
            for first in stride(from: 0, to: places.count, by: batch) {
                let some = Array(places[first..<min(first + batch, places.count)])
                var read: [Int] = []
                func fitted<Picture: SizedPicture>(_ found: [Result<Picture, PixNerdError>]) throws -> [Picture] {
                    try zip(some, found).compactMap { place, picture in
                        switch picture {
                        case .success(let picture):
                            read.append(place)
                            return try fitting.fitted(picture, collection.samples[place].name)
                        case .failure(let error):
                            unreadable(error)
                            return nil
                        }
                    }
                }
                let pictures =
                    format == .rgb8
                    ? PixelBatch(try fitted(collection.read(some)))
                    : PixelBatch(try fitted(collection.readValues(some, decoding: decoding)))
                if let pictures { try body(pictures, read) }
            }
        case .memory(let pictures):
            for first in stride(from: 0, to: places.count, by: batch) {
                let some = Array(places[first..<min(first + batch, places.count)])
                let fitted = try some.map { try fitting.fitted(pictures[$0], path) }
                if let batch = PixelBatch(fitted) { try body(batch, some) }
            }
        case .array(let file):
            try forEachBatch(of: file, format, batch, &fitting, body)
        }
        return fitting.changed
    }

    private func forEachBatch(
        of file: NpzFile, _ format: PixelFormat, _ batch: Int, _ fitting: inout Fitting,
        _ body: (PixelBatch, [Int]) throws -> Void
    ) throws {
        let (channels, element) = (self.format.channelCount, self.format.element)
        let rowSize = size.height * size.width * channels * element.size
        var next = places[...]
        try file.forEachRows(of: Self.arrayName, batch) { bytes, rows in
            let taken = next.prefix { rows.contains($0) }
            next = next.dropFirst(taken.count)
            func stored(_ row: Int) -> [UInt8] {
                let start = (row - rows.lowerBound) * rowSize
                return Array(bytes[start..<start + rowSize])
            }
            let pictures: PixelBatch?
            if format == .rgb8, self.format == .rgb8 {
                pictures = PixelBatch(
                    try taken.map { row in
                        try fitting.fitted(
                            RGBImage(width: size.width, height: size.height, pixels: stored(row)),
                            "\(file.path), row \(row)")
                    })
            } else {
                pictures = PixelBatch(
                    try taken.map { row in
                        let name = "\(file.path), row \(row)"
                        let raster = Raster(
                            width: size.width, height: size.height, channels: channels, element: element,
                            bytes: stored(row))
                        return try fitting.fitted(ValueImage(raster, format: format, name: name), name)
                    })
            }
            if let pictures { try body(pictures, Array(taken)) }
            file.releasePages()
        }
    }
}

/// An image that can be brought to a size.
private protocol SizedPicture {
    var height: Int { get }
    var width: Int { get }
    func centerCropped(size: ImageSize) -> Self
}

extension RGBImage: SizedPicture {
    fileprivate func centerCropped(size: ImageSize) -> RGBImage { admCenterCrop(self, size: size) }
}

extension ValueImage: SizedPicture {}

/// Brings images to one size, and counts those that had another.
private struct Fitting {
    let size: ImageSize
    let crops: Bool
    private(set) var changed = 0

    mutating func fitted<Picture: SizedPicture>(_ picture: Picture, _ name: String) throws -> Picture {
        guard picture.height != size.height || picture.width != size.width else { return picture }
        guard crops else {
            throw PixNerdError(
                .mismatch, "\(name)", found: "has \(picture.height) x \(picture.width) pixels",
                expected: "\(size); generated images are measured at their own size",
                advice: "bring all images to one size with \(Setting.size) \(size.text)")
        }
        changed += 1
        return picture.centerCropped(size: size)
    }
}
