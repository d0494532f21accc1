import Foundation
import PixNerdImages
import PixNerdSupport

/// The data sets of a folder, by name. Requests name them; no path of a request is ever opened.
struct DatasetList: Sendable {
    struct Entry: Encodable, Sendable {
        let id: String
        let name: String
    }

    /// Stands for a slash in names, which would be a part of an address.
    private static let separator = "~"
    private static let archives: Set<String> = ["zip", "tar"]

    private let folder: String
    private let program: StudioProgram
    private let work = BlockingWork(label: "datasets")

    init(_ options: StudioOptions) { (folder, program) = (options.datasets, options.program) }

    /// Folders and archives, and the folders in folders that hold nothing else, such as `train` and `test`.
    func entries() -> [Entry] {
        names(in: folder).flatMap { name in
            let inner = names(in: "\(folder)/\(name)").map { "\(name)/\($0)" }
            let splits = inner.filter {
                ["train", "test", "val", "valid"].contains($0.split(separator: "/").last ?? "")
            }
            return splits.isEmpty ? [name] : splits
        }.map { Entry(id: $0.replacingOccurrences(of: "/", with: Self.separator), name: $0) }
    }

    private func names(in folder: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted().filter { name in
            !name.hasPrefix(".") && !name.contains(Self.separator)
                && (isFolder("\(folder)/\(name)") == true || Self.archives.contains(fileExtension(name)))
        }
    }

    private func path(_ id: String) throws -> String {
        let all = entries()
        guard let entry = all.first(where: { $0.id == id }) else {
            throw StudioFailure.notFound(
                "There is no data set '\(id.prefix(60))'; there are \(listed(all.prefix(8).map(\.id), of: all.count)).")
        }
        return "\(folder)/\(entry.name)"
    }

    /// A report on a data set, as text or as JSON.
    func report(_ id: String, isJSON: Bool) async throws -> String {
        let (path, program) = (try path(id), program)
        return try await work {
            let process = Process()
            let output = Pipe()
            process.executableURL = URL(fileURLWithPath: program.executable)
            process.arguments = program.inspection(path, isJSON)
            process.standardInput = FileHandle.nullDevice
            process.standardOutput = output
            process.standardError = output
            try process.run()
            let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                throw StudioFailure(.badRequest, text.trimmingCharacters(in: .whitespacesAndNewlines), code: "dataset")
            }
            return text
        }
    }

    /// Largest side of an image on a sheet.
    static let largestSide = 256

    /// A sheet of the images after the crop to a square, as a PNG file.
    func sheet(_ id: String, side: Int) async throws -> [UInt8] {
        guard (8...Self.largestSide).contains(side) else {
            throw StudioFailure.invalid("size is \(side); it must be from 8 to \(Self.largestSide).", parameter: "size")
        }
        let path = try path(id)
        return try await work {
            try ImageFile.encodePNG(ContactSheet.make(ImageCollection.open(root: path), side: side))
        }
    }
}
