import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A destination for sampled images.
public protocol SampleOutput {
    /// Number of requests whose images already exist and are kept.
    var kept: Int { get }
    /// Whether the images of a batch already exist.
    func holds(_ requests: Range<Int>) -> Bool
    /// Writes the pixels of a batch, [B, 3, H, W], whose first image is that of request `first`.
    mutating func write(_ pixels: Tensor, first: Int) throws
    /// Writes the final files.
    mutating func finish() throws
}

/// The format of sampled images, chosen by the extension of the output path.
public enum SampleForm: Sendable, Equatable {
    /// `.png`: one sheet with a row for each class.
    case grid
    /// `.npz`: `arr_0`, as the ADM evaluation reads it.
    case npz
    /// `.safetensors`: `samples` as floats.
    case floats
    /// Any other path: a folder with a PNG for each image.
    case folder

    public init(path: String) {
        switch URL(fileURLWithPath: path).pathExtension.lowercased() {
        case "png": self = .grid
        case "npz": self = .npz
        case "safetensors": self = .floats
        default: self = .folder
        }
    }
}

/// The requests and settings of an output.
public struct SamplePlan {
    public let path: String
    public let requests: [PictureRequest]
    /// Short name of a prompt, for file names and captions.
    private let name: @Sendable (Prompt) -> String
    /// The manifest without its list of images.
    public let manifest: SampleManifest
    /// Images per batch.
    public let batch: Int
    /// Whether existing files may be overwritten.
    public let overwrites: Bool

    public init(
        path: String, requests: [PictureRequest], name: @escaping @Sendable (Prompt) -> String,
        manifest: SampleManifest, overwrites: Bool
    ) {
        self.path = path
        self.requests = requests
        self.name = name
        self.manifest = manifest
        batch = manifest.provenance.batch
        self.overwrites = overwrites
    }

    /// Opens the output in the format of its path.
    ///
    /// - Parameter rowOrderSeed: seed of the order of rows in a `.npz`.
    /// - Throws: `PixNerdError` if files would be overwritten without permission.
    public func open(rowOrderSeed: UInt64 = 0) throws -> any SampleOutput {
        switch SampleForm(path: path) {
        case .grid: try PictureGrid(self)
        case .npz: try SampleArray(self, kind: .levels(rowOrderSeed: rowOrderSeed))
        case .floats: try SampleArray(self, kind: .floats)
        case .folder: try PictureFolder(self)
        }
    }

    func name(of request: PictureRequest) -> String {
        name(request.prompt)
    }

    func entry(_ request: PictureRequest, file: String? = nil) -> SampleManifest.Picture {
        SampleManifest.Picture(
            label: request.prompt.number, className: name(of: request), seed: request.seed, file: file)
    }

    /// Path of the manifest of a single-file output.
    var manifestPath: String { "\(path).json" }

    func expectFree(_ paths: [String]) throws {
        if !overwrites, let taken = paths.first(where: { FileManager.default.fileExists(atPath: $0) }) {
            throw PixNerdError(
                .alreadyExists, "\(taken)", found: "already exists",
                advice: "choose another \(Setting.output), or overwrite it with \(Setting.overwrite)")
        }
    }

    var parent: String { URL(fileURLWithPath: path).deletingLastPathComponent().path }
}
