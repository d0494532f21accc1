import Diffusion
import Foundation
import Images
import Training

/// Where sampled pictures go: one grid, or a folder with a file for each.
struct SampleOutput {
    private let path: String
    private let names: [String]
    private let requests: [PictureRequest]
    private let isGrid: Bool

    /// - Throws: `CommandError` where something would be written over without being asked, before any work is done.
    init(path: String, overwrite: Bool, names: [String], requests: [PictureRequest]) throws {
        self.path = path
        self.names = names
        self.requests = requests
        isGrid = path.lowercased().hasSuffix(".png")
        guard !requests.isEmpty else { throw CommandError("No class is asked for; name some by --classes.") }
        let targets = isGrid ? [path] : requests.map { Self.file($0, names, in: path) }
        guard Set(targets).count == (isGrid ? 1 : requests.count) else {
            throw CommandError("--classes or --seeds names the same picture twice; name each class and seed once.")
        }
        if !overwrite, let taken = targets.first(where: { FileManager.default.fileExists(atPath: $0) }) {
            throw CommandError("\(taken) is there already; choose another --out, or allow it by --overwrite.")
        }
        let directory = isGrid ? URL(fileURLWithPath: path).deletingLastPathComponent().path : path
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        } catch {
            throw CommandError("The folder \(directory) cannot be made: \(systemReason(error)).")
        }
    }

    /// Such as pictures/ring-seed3.png.
    private static func file(_ request: PictureRequest, _ names: [String], in directory: String) -> String {
        let name = names.indices.contains(request.label) ? names[request.label] : String(request.label)
        return "\(directory)/\(name.replacingOccurrences(of: "/", with: "_"))-seed\(request.seed).png"
    }

    /// Takes the pictures of a batch, the first of them for request `first`.
    func write(_ pictures: [RGBImage], first: Int) throws {
        guard !isGrid else { return }
        for (index, picture) in pictures.enumerated() {
            try ImageFile.writePNG(picture, to: Self.file(requests[first + index], names, in: path))
        }
    }

    /// Draws the grid, a row for each class.
    func finish(_ pictures: [RGBImage]) throws {
        guard isGrid else { return }
        var rows: [(label: String?, images: [RGBImage])] = []
        for (request, picture) in zip(requests, pictures) {
            let name = names.indices.contains(request.label) ? names[request.label] : String(request.label)
            if rows.last?.label == name {
                rows[rows.count - 1].images.append(picture)
            } else {
                rows.append((name, [picture]))
            }
        }
        try ImageFile.writePNG(ImageGrid.make(rows: rows), to: path)
    }
}
