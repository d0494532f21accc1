import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport

/// Pictures of one side of an evaluation: a folder, shards, or `arr_0` of an `.npz`, in a fixed order.
public struct PictureSource: Sendable {
    private enum Kind: Sendable {
        case collection(ImageCollection)
        case array(NpzFile)
    }

    public let path: String
    private let kind: Kind
    /// The places of the pictures that are taken, ascending.
    private let places: [Int]
    /// Height and width of the first picture.
    public let size: PictureExtent

    /// The pictures of an array.
    private static let arrayName = "arr_0"

    /// How many are taken.
    public var count: Int { places.count }
    /// Whether the order is that of file names, class by class, and not one that somebody mixed.
    public var isSortedByName: Bool {
        if case .collection = kind { true } else { false }
    }

    /// - Parameter limit: at most so many are taken, evenly spread over all.
    /// - Throws: `ImageError` where there is no picture, or the first cannot be read.
    init(folder path: String, limit: Int?) throws {
        let collection = try ImageCollection.pictures(below: path)
        let first = try collection.samples.indices.lazy.compactMap { try? collection.read([$0])[0].get() }.first
            .orThrow(ImageError("None of the \(collection.samples.count) pictures in \(path) can be read."))
        self.init(
            path: path, kind: .collection(collection), total: collection.samples.count, limit: limit,
            size: PictureExtent(height: first.height, width: first.width))
    }

    /// The pictures of a file; nil where it holds none.
    ///
    /// - Throws: `CheckpointError` where `arr_0` is something else than pictures.
    init?(_ file: NpzFile, limit: Int?) throws {
        guard let shape = file.shape(of: Self.arrayName) else { return nil }
        guard file.elementType(of: Self.arrayName) == .uint8, shape.count == 4, shape[3] == 3,
            shape.allSatisfy({ $0 > 0 }), shape[1] * shape[2] <= ImageFile.maximumPixels
        else {
            throw CheckpointError(
                "\(file.path): arr_0 is \(file.elementType(of: Self.arrayName)?.rawValue ?? "") of the shape \(shape); "
                    + "pictures as uint8 [N, H, W, 3] are expected.")
        }
        self.init(
            path: file.path, kind: .array(file), total: shape[0], limit: limit,
            size: PictureExtent(height: shape[1], width: shape[2]))
    }

    private init(path: String, kind: Kind, total: Int, limit: Int?, size: PictureExtent) {
        let count = min(limit ?? total, total)
        (self.path, self.kind, self.size) = (path, kind, size)
        places = (0..<count).map { $0 * total / count }
    }

    /// Hands out the pictures in order, some at a time.
    ///
    /// - Parameters:
    ///   - size: what they all come to.
    ///   - crops: whether those of another size are cropped to the middle square and scaled, as training sees them.
    ///   - batch: how many at once; a batch has fewer where some cannot be read.
    ///   - unreadable: told why one is left out.
    /// - Returns: how many pictures were cropped or scaled.
    /// - Throws: where a picture is not of the size and cannot be brought to it; what `body` throws.
    @discardableResult
    func forEachBatch(
        size: PictureExtent, crops: Bool, batch: Int, unreadable: (String) -> Void, _ body: (PixelBatch) throws -> Void
    ) throws -> Int {
        var changed = 0
        func fitted(_ picture: RGBImage, _ name: String) throws -> RGBImage {
            guard picture.height != size.height || picture.width != size.width else { return picture }
            guard crops, size.height == size.width else {
                let reason =
                    crops ? "only to squares are pictures cropped" : "pictures that are measured are of one size"
                throw EvaluationError(
                    "\(name) has \(picture.height) x \(picture.width) pixels where \(size) are expected; \(reason), so "
                        + "give a --size that all are brought to, such as --size \(min(size.height, size.width)).")
            }
            changed += 1
            return admCenterCrop(picture, size: size.height)
        }
        switch kind {
        case .collection(let collection):
            for first in stride(from: 0, to: places.count, by: batch) {
                var pictures: [RGBImage] = []
                let some = Array(places[first..<min(first + batch, places.count)])
                for (place, picture) in zip(some, collection.read(some)) {
                    switch picture {
                    case .success(let picture):
                        pictures.append(try fitted(picture, collection.samples[place].name))
                    case .failure(let error): unreadable(error.description)
                    }
                }
                if let batch = PixelBatch(pictures) { try body(batch) }
            }
        case .array(let file):
            let rowSize = self.size.height * self.size.width * 3
            var next = places[...]
            try file.forEachRows(of: Self.arrayName, batch) { bytes, rows in
                let taken = next.prefix { rows.contains($0) }
                next = next.dropFirst(taken.count)
                let pictures = try taken.map { row in
                    let start = (row - rows.lowerBound) * rowSize
                    let picture = RGBImage(
                        width: self.size.width, height: self.size.height, pixels: Array(bytes[start..<start + rowSize]))
                    return try fitted(picture, "\(file.path), row \(row)")
                }
                if let batch = PixelBatch(pictures) { try body(batch) }
                file.releasePages()
            }
        }
        return changed
    }
}

/// Height and width in pixels.
public struct PictureExtent: Sendable, Equatable, Codable, CustomStringConvertible {
    public let height: Int
    public let width: Int

    public init(height: Int, width: Int) { (self.height, self.width) = (height, width) }

    public var description: String { "\(height) x \(width)" }
}

extension PixelBatch {
    /// Pictures of one size; nil where there are none.
    init?(_ pictures: [RGBImage]) {
        guard let first = pictures.first else { return nil }
        self.init(
            count: pictures.count, height: first.height, width: first.width, pixels: pictures.flatMap(\.pixels))
    }
}

extension Optional {
    fileprivate func orThrow(_ error: any Error) throws -> Wrapped {
        guard let self else { throw error }
        return self
    }
}
