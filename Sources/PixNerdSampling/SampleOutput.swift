import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A destination for sampled images.
public protocol SampleOutput {
    /// Number of requests whose images already exist and are kept.
    var kept: Int { get }
    /// Whether the images of a batch already exist.
    func holds(_ requests: Range<Int>) -> Bool
    /// Writes the pixels of a batch, [B, C, H, W], whose first image is that of request `first`.
    mutating func write(_ pixels: Tensor, first: Int) throws
    /// Writes the final files.
    mutating func finish() throws
    /// Ends an unfinished job, and says what remains of it for the next one.
    func stop() -> KeptSamples
}

/// The images that remain of an unfinished job.
public struct KeptSamples: Sendable, Equatable {
    /// Number of images; the same requests and settings continue after them.
    public let count: Int
    /// The folder that holds them.
    public let path: String

    public init(count: Int, path: String) { (self.count, self.path) = (count, path) }
}

extension PixNerdError {
    /// This error with what remains of the job that it ended.
    public func keeping(_ kept: KeptSamples, of requests: Int) -> PixNerdError {
        guard kept.count > 0, advice == nil else { return self }
        return PixNerdError(
            kind, subject, found: found, expected: expected,
            advice: "\(kept.count) of \(requests) images are kept in \(kept.path), and the same command goes on")
    }
}

/// The requests and settings of an output.
public struct SamplePlan {
    public let path: String
    public let requests: [PictureRequest]
    /// Names prompts.
    private let conditioner: any Conditioner
    /// The manifest without its list of images.
    public let manifest: SampleManifest
    /// The benchmark in whose layout a folder is written; nil for none.
    public let benchmark: BenchmarkPrompts?
    /// Images per batch.
    public let batch: Int
    /// Whether existing files may be overwritten.
    public let overwrites: Bool
    /// The channels and values of the images.
    public let format: PixelFormat
    /// The format of each image's own file.
    public let fileFormat: ImageFile.StoredFormat

    /// - Parameter fileFormat: the format of each image's own file in a folder; nil for PNG, or TIFF where that cannot
    ///   hold the images.
    public init(
        path: String, requests: [PictureRequest], conditioner: any Conditioner, manifest: SampleManifest,
        overwrites: Bool, benchmark: BenchmarkPrompts? = nil, format: PixelFormat = .rgb8,
        fileFormat: ImageFile.StoredFormat? = nil
    ) {
        self.format = format
        self.fileFormat = fileFormat ?? (ImageFile.StoredFormat.png.canHold(format) ? .png : .tiff)
        self.path = path
        self.requests = requests
        self.conditioner = conditioner
        self.manifest = manifest
        self.benchmark = benchmark
        batch = manifest.provenance.batch
        self.overwrites = overwrites
    }

    /// Opens the output in the format of its path, after checking everything that could keep it from being written.
    ///
    /// Every output is claimed here and nowhere else, before its first image is sampled. `lock` comes before it.
    ///
    /// - Parameter rowOrderSeed: seed of the order of rows in a `.npz`.
    /// - Throws: `PixNerdError` if the path has an unknown extension, cannot be written, or is taken.
    public func open(rowOrderSeed: UInt64 = 0) throws -> any SampleOutput {
        switch try SampleForm(path: path) {
        case .grid: try PictureGrid(self)
        case .animation(let format): try PictureAnimation(self, format)
        case .npz: try SampleArray(self, kind: .levels(rowOrderSeed: rowOrderSeed))
        case .floats: try SampleArray(self, kind: .floats)
        case .folder: try PictureFolder(self)
        }
    }

    /// The name of a request's prompt, with that of another one that it leans to.
    func name(of request: PictureRequest) -> String {
        let own = conditioner.name(of: request.prompt)
        guard let other = request.blend?.prompt, other != request.prompt else { return own }
        return "\(own) to \(conditioner.name(of: other))"
    }

    /// Name of a request's own file, without its extension.
    func fileName(of request: PictureRequest) -> String {
        let own =
            "\(conditioner.fileName(of: request.prompt))-seed\(request.seed)"
            + (request.draw > 0 ? "-\(request.draw)" : "")
        guard let blend = request.blend else { return own }
        let other = blend.prompt == request.prompt ? "" : "\(conditioner.fileName(of: blend.prompt))-"
        return "\(own)-to-\(other)seed\(blend.seed)-\(blend.share)"
    }

    /// The number that arrays record for each request: the class, or, if not all have a single one, the place of the
    /// prompt among the different ones.
    var numbers: [Int] {
        let labels = requests.compactMap(\.prompt.label)
        guard labels.count < requests.count else { return labels }
        var places: [Prompt: Int] = [:]
        return requests.map { request in
            let place = places[request.prompt] ?? places.count
            places[request.prompt] = place
            return place
        }
    }

    func entry(_ request: PictureRequest, file: String? = nil) -> SampleManifest.Picture {
        let prompt = request.prompt
        let values = zip(conditioner.values, prompt.values).compactMap { value, number in
            number.map { SampleManifest.Picture.Value(name: value.name, value: $0) }
        }
        return SampleManifest.Picture(
            label: prompt.label, labels: prompt.label == nil ? prompt.labels : nil,
            className: prompt.labels == nil ? nil : conditioner.name(of: prompt), values: values.isEmpty ? nil : values,
            prompt: prompt.text, seed: request.seed, draw: request.draw > 0 ? request.draw : nil,
            towards: request.blend.map { blend in
                SampleManifest.Picture.Towards(
                    labels: blend.prompt.labels, prompt: blend.prompt.text, seed: blend.seed, share: blend.share)
            }, file: file)
    }

    /// Why a sheet lacks captions, as a sentence without a full stop; nil if it has all.
    public var captionRemark: String? {
        guard case .grid? = try? SampleForm(path: path) else { return nil }
        let missing = Set(requests.map(name(of:)).filter { !ImageGrid.canDraw($0) })
        guard !missing.isEmpty else { return nil }
        return
            "the sheet leaves out the captions of \(counted(missing.count, "prompt")), which have characters that its font "
            + "lacks; \(manifestPath) lists them"
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

    /// Checks that a file may be written, and makes its folder.
    func expectOutput(_ path: String) throws {
        try expectFree([path])
        try makeFolder(URL(fileURLWithPath: path).deletingLastPathComponent().path)
        try expectWritable(path)
    }

    /// Checks that an output that is a single file may be written, and its manifest.
    func expectFile() throws {
        for path in [path, manifestPath] { try expectOutput(path) }
    }

    /// The arrangement of the images of some requests on a sheet.
    func layout(_ requests: ArraySlice<PictureRequest>) -> SheetLayout {
        let size = manifest.provenance
        return SheetLayout(requests, size: (size.height, size.width), name(of:))
    }
}
