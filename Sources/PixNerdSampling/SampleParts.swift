import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The finished batches of an output that is a single file, in a folder beside it until the file is written, so that an
/// interrupted job can resume.
struct SampleParts {
    private let plan: SamplePlan
    private let folder: String
    private var isThere: [Bool]
    /// Number of images that an earlier job left.
    let kept: Int

    private static let name = "pictures"

    /// Opens the folder, which may hold batches of an earlier job.
    ///
    /// - Parameter manifest: The manifest of this job; `pictures` must tell the order of the requests.
    /// - Throws: `PixNerdError` if the folder holds batches of another job and may not be overwritten.
    init(_ plan: SamplePlan, _ manifest: SampleManifest) throws {
        let folder = "\(plan.path).parts"
        (self.plan, self.folder) = (plan, folder)
        let manifestPath = "\(folder)/manifest.json"
        if FileManager.default.fileExists(atPath: folder) {
            do {
                try Self.expectSame(manifest, as: SampleManifest(path: manifestPath), folder)
            } catch let error as PixNerdError {
                // A manifest alone is all that remains of a job that was stopped at once.
                let isEmpty = Self.names(in: folder).allSatisfy { $0 == "manifest.json" }
                guard plan.overwrites || isEmpty else { throw error }
                Self.remove(folder)
            }
        }
        try makeFolder(folder)
        try manifest.write(to: manifestPath)
        let starts = stride(from: 0, to: plan.requests.count, by: plan.batch)
        isThere = starts.map { FileManager.default.fileExists(atPath: Self.path($0, in: folder)) }
        kept = Self.count(isThere, plan)
    }

    private static func expectSame(_ own: SampleManifest, as earlier: SampleManifest, _ folder: String) throws {
        try own.expectSameProvenance(as: earlier, in: folder)
        guard earlier.pictures == own.pictures else {
            throw PixNerdError(
                .alreadyExists, "\(folder)", found: "holds a part of other images than the requested ones",
                advice: "request those, remove it, or overwrite it with \(Setting.overwrite)")
        }
    }

    /// The file of the batch that begins at a request.
    private static func path(_ first: Int, in folder: String) -> String {
        "\(folder)/\(first.zeroPadded(to: 8)).safetensors"
    }

    private static func count(_ isThere: [Bool], _ plan: SamplePlan) -> Int {
        isThere.indices.reduce(0) { count, index in
            isThere[index] ? count + min(plan.batch, plan.requests.count - index * plan.batch) : count
        }
    }

    func holds(_ requests: Range<Int>) -> Bool { isThere[requests.lowerBound / plan.batch] }

    /// Keeps a batch as it is shown, [B, H, W, 3] of 8 bits.
    mutating func write(shown pixels: Tensor, first: Int) throws {
        try write(
            PixNerdSpaces.shownPictures(pixels, plan.format).map(\.pixels), .uint8, pixels, channels: 3, first: first)
    }

    /// Keeps a batch as it is stored, [B, H, W, C] of the format's type.
    mutating func write(stored pixels: Tensor, first: Int) throws {
        try write(
            storedPictures(pixels, plan.format).map(\.bytes), plan.format.element.elementType, pixels,
            channels: plan.format.channelCount, first: first)
    }

    private mutating func write(
        _ pictures: [[UInt8]], _ type: ElementType, _ pixels: Tensor, channels: Int, first: Int
    ) throws {
        let shape = [pictures.count, pixels.shape[2], pixels.shape[3], channels]
        let item = SafetensorsWriter.Item(name: Self.name, type: type, shape: shape) { write in
            for picture in pictures { try picture.withUnsafeBytes(write) }
        }
        try SafetensorsWriter.write([item], metadata: [:], to: Self.path(first, in: folder))
        isThere[first / plan.batch] = true
    }

    /// Keeps a batch as floats, [B, C, H, W].
    mutating func write(floats pixels: Tensor, first: Int) throws {
        try SafetensorsWriter.write([(Self.name, pixels)], to: Self.path(first, in: folder))
        isThere[first / plan.batch] = true
    }

    /// The batches, in the order of the requests.
    ///
    /// - Parameters:
    ///   - type: The type of the numbers.
    ///   - shape: The shape of an image.
    /// - Throws: `PixNerdError` if one cannot be read or is of another type or shape.
    func open(_ type: ElementType, shape: [Int]) throws -> [StoredElements] {
        try stride(from: 0, to: plan.requests.count, by: plan.batch).map { first in
            let path = Self.path(first, in: folder)
            let part = try SafetensorsFile(path: path).elements(of: Self.name)
            let expected = [min(plan.batch, plan.requests.count - first)] + shape
            guard part.type == type, part.shape == expected else {
                throw PixNerdError(
                    .malformed, "\(path)", found: "holds \(part.type.rawValue) of shape \(part.shape)",
                    expected: "\(type.rawValue) of shape \(expected)",
                    advice: "remove it, and the same command makes these images again")
            }
            return part
        }
    }

    /// The images of batches that were kept as they are shown, in the order of the requests.
    ///
    /// - Throws: `PixNerdError` if one cannot be read or is of another type or shape.
    func shownPictures() throws -> [RGBImage] {
        let (height, width) = (plan.manifest.provenance.height, plan.manifest.provenance.width)
        return try open(.uint8, shape: [height, width, 3]).flatMap { part in
            part.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: height * width * 3).map { start in
                    RGBImage(width: width, height: height, pixels: Array(bytes[start..<start + height * width * 3]))
                }
            }
        }
    }

    /// Removes the folder, once the output is written.
    func remove() { Self.remove(folder) }

    /// What an unfinished job leaves; nothing at all if it finished no batch.
    func stop() -> KeptSamples {
        let count = Self.count(isThere, plan)
        if count == 0 { remove() }
        return KeptSamples(count: count, path: folder)
    }

    private static func names(in folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }

    /// Removes batches and manifest, and the folder if nothing else is in it.
    private static func remove(_ folder: String) {
        for name in names(in: folder)
        where name.wholeMatch(of: /(manifest\.json|[0-9]{8,}\.safetensors)(\..*partial)?/) != nil {
            unlink("\(folder)/\(name)")
        }
        rmdir(folder)
    }
}
