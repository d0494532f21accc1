import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A folder with a file for each image, such as `ring-seed3.png`, or in the layout of a benchmark, and `manifest.json`.
///
/// Existing images with the same provenance are kept: an interrupted job resumes, and further requests add to the
/// folder.
struct PictureFolder: SampleOutput {
    private let plan: SamplePlan
    /// The file of each request. The images of requests with the same file stand on a sheet of two columns.
    private let files: [String]
    private var isThere: [Bool]
    /// Images of sheets that are not complete yet, by file and request.
    private var waiting: [String: [Int: RGBImage]] = [:]
    let kept: Int

    init(_ plan: SamplePlan) throws {
        self.plan = plan
        files =
            plan.benchmark?.files(of: plan.requests.count)
            ?? plan.requests.map { request in
                // A slash would begin a folder, and a null character would end the name.
                let name = plan.fileName(of: request).map { $0 == "/" || $0 == "\0" ? "_" : $0 }
                return "\(String(name)).\(plan.fileFormat.fileExtension)"
            }
        let paths = files.map { "\(plan.path)/\($0)" }
        // By bytes, as the file system does: Swift takes the two spellings of an accented letter as equal.
        guard plan.benchmark != nil || Set(paths.map { Array($0.utf8) }).count == paths.count else {
            throw PixNerdError(
                .invalidValue, "\(Setting.output) \(plan.path)", found: "would get the same image twice",
                advice: "name each class or prompt, and each seed, once")
        }
        var manifest = plan.manifest
        manifest.pictures = zip(plan.requests, files).map { plan.entry($0, file: $1) }
        let manifestPath = "\(plan.path)/manifest.json"
        if !plan.overwrites, FileManager.default.fileExists(atPath: manifestPath) {
            let earlier = try SampleManifest(path: manifestPath)
            try manifest.expectSameProvenance(as: earlier, in: plan.path)
            let known = Set(earlier.pictures.compactMap { $0.file.map { Array($0.utf8) } })
            let taken = zip(files, paths).first {
                !known.contains(Array($0.utf8)) && FileManager.default.fileExists(atPath: $1)
            }
            if let taken { try plan.expectFree([taken.1]) }
            let asked = Set(files.map { Array($0.utf8) })
            manifest.pictures =
                earlier.pictures.filter { !asked.contains(Array(($0.file ?? "").utf8)) } + manifest.pictures
            Self.removeHalfWritten(known, in: plan.path)
            isThere = paths.map { FileManager.default.fileExists(atPath: $0) }
        } else {
            try plan.expectFree(paths)
            isThere = files.map { _ in false }
        }
        kept = isThere.count { $0 }
        try makeFolder(plan.path)
        try plan.benchmark?.writeMetadata(in: plan.path)
        // The longest name may be too long for the file system.
        if let longest = paths.max(by: { $0.utf8.count < $1.utf8.count }) { try expectWritable(longest) }
        if plan.overwrites {
            // An interrupted job could not tell them from its own when it resumes.
            for path in Set(paths) where isFolder(path) != nil {
                try expectWritable(path)
                unlink(path)
            }
        }
        try manifest.write(to: manifestPath)
    }

    /// Removes the partial files of images that an interrupted job was writing.
    private static func removeHalfWritten(_ files: Set<[UInt8]>, in folder: String) {
        // A benchmark's layout has folders within the folder.
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        for name in names where name.hasSuffix(".partial") {
            // Without the number of the process and the ending.
            let file = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).dropLast(2)
            guard files.contains(Array(file.joined(separator: [UInt8(ascii: ".")]))) else { continue }
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    func holds(_ requests: Range<Int>) -> Bool { isThere[requests].allSatisfy { $0 } }

    mutating func write(_ pixels: Tensor, first: Int) throws {
        guard plan.benchmark?.layout == .dpg else {
            for (place, picture) in zip(first..., storedPictures(pixels, plan.format)) where !isThere[place] {
                try ImageFile.write(picture, as: plan.fileFormat, to: "\(plan.path)/\(files[place])")
                isThere[place] = true
            }
            return
        }
        for (place, picture) in zip(first..., shownPictures(pixels, plan.format)) where !isThere[place] {
            waiting[files[place], default: [:]][place] = picture
            try writeSheet(files[place])
        }
    }

    /// Writes a sheet whose four images are there.
    private mutating func writeSheet(_ file: String) throws {
        guard let images = waiting[file], images.count == 4 else { return }
        let ordered = images.sorted { $0.key < $1.key }
        let rows = [0, 2].map { row in (label: String?.none, images: ordered[row..<row + 2].map(\.value)) }
        try ImageFile.writePNG(ImageGrid.make(rows: rows, padding: 0, scale: 1), to: "\(plan.path)/\(file)")
        for place in images.keys { isThere[place] = true }
        waiting[file] = nil
    }

    func finish() {}

    func stop() -> KeptSamples { KeptSamples(count: isThere.count { $0 }, path: plan.path) }
}
