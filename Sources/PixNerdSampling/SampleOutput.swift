import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Where sampled pictures go.
public protocol SampleOutput {
    /// Requests whose pictures are there already and are kept.
    var kept: Int { get }
    /// Whether the pictures of a batch are there already.
    func holds(_ requests: Range<Int>) -> Bool
    /// Takes the pixels of a batch, [B, 3, H, W], the first of them for request `first`.
    mutating func write(_ pixels: Tensor, first: Int) throws
    /// Brings everything into its final form.
    mutating func finish() throws
}

/// The forms in which sampled pictures are kept, told by the name of the output.
public enum SampleForm: Sendable, Equatable {
    /// A `.png`: one sheet with a row for each class.
    case grid
    /// A `.npz` with `arr_0`, as the ADM evaluation reads it.
    case npz
    /// A `.safetensors` with `samples` as floats.
    case floats
    /// A folder with a PNG for each picture.
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

/// What an output is to hold.
public struct SamplePlan {
    public let path: String
    public let requests: [PictureRequest]
    /// Short name of a prompt, for file names and captions.
    private let name: @Sendable (Prompt) -> String
    /// How the pictures are made, without the list of them.
    public let manifest: SampleManifest
    /// Pictures of a batch.
    public let batch: Int
    /// Whether what is there may be written over.
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

    /// The output that the path asks for.
    ///
    /// - Parameter rowOrderSeed: for a `.npz`: shuffles the rows.
    /// - Throws: one sentence where something would be written over without being asked, before any work is done.
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

    /// Where the manifest of a single file stands.
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
