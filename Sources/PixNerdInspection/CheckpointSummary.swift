import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A description of a checkpoint, from its names and shapes alone; weights are only read to check their fingerprint.
public struct CheckpointSummary: Encodable {
    public struct TensorLine: Encodable {
        public let name: String
        public let dtype: String
        public let shape: [Int]
    }

    /// One set of weights.
    public struct Weights: Encodable {
        /// Prefix of the tensors' names; empty for a bare state dict.
        public let prefix: String
        public let tensors: Int
        public let parameters: Int
        public let architecture: (any DenoiserArchitecture)?
        /// Why no architecture can be inferred from the tensors, or why they do not fit the model, as one sentence; nil
        /// if they do.
        public let problem: String?
        public let missing: [String]
        public let unexpected: [String]

        enum CodingKeys: String, CodingKey {
            case prefix, tensors, parameters, architecture, problem, missing, unexpected
        }

        public func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(prefix, forKey: .prefix)
            try values.encode(tensors, forKey: .tensors)
            try values.encode(parameters, forKey: .parameters)
            if let architecture { try architecture.encode(to: values.superEncoder(forKey: .architecture)) }
            try values.encodeIfPresent(problem, forKey: .problem)
            try values.encode(missing, forKey: .missing)
            try values.encode(unexpected, forKey: .unexpected)
        }
    }

    /// The contents of a checkpoint that this package does not use.
    public struct Unknown: Encodable {
        /// Names of the tensors that belong to no set of weights.
        public let tensors: [String]
        /// The reason why each unreadable tensor cannot be read, by name.
        public let unreadable: [String: String]
        /// Classes and functions in the pickle that were not run.
        public let skippedGlobals: [String]
        public let otherEntries: [String]

        enum CodingKeys: String, CodingKey {
            case tensors, unreadable
            case skippedGlobals = "skipped_globals"
            case otherEntries = "other_entries"
        }
    }

    /// The sizes of the projector that aligned tokens with an encoder's features.
    public struct ProjectorSizes: Encodable {
        public let inputs: Int
        public let hidden: Int
        public let outputs: Int
        public let parameters: Int
    }

    /// Averages that a run keeps, from which averages of other lengths are computed.
    public struct Averages: Encodable {
        /// Lengths of those of the last step, ascending.
        public let lengths: [Double]
        /// The steps of which averages are kept.
        public let steps: [Int]

        init?(_ run: RunDirectory) {
            steps = run.averagedSteps
            guard let last = steps.last else { return nil }
            lengths = run.averageLengths(step: last)
        }
    }

    /// The cost of one forward pass for one image.
    public struct Cost: Encodable {
        public let height: Int
        public let width: Int
        public let multiplyAdds: Int
        /// Floating-point operations, two for each multiply-add.
        public let flops: Int

        /// - Throws: `PixNerdError` if there are too many multiply-adds to count.
        init(height: Int, width: Int, multiplyAdds: Int) throws(PixNerdError) {
            guard let flops = (2 * CheckedInt(multiplyAdds)).value else {
                throw PixNerdError(
                    .invalidValue, "\(Setting.size):",
                    found: "an image of \(height) x \(width) needs more computations than can be counted",
                    advice: "give a smaller size")
            }
            (self.height, self.width, self.multiplyAdds, self.flops) = (height, width, multiplyAdds, flops)
        }

        enum CodingKeys: String, CodingKey {
            case height, width, flops
            case multiplyAdds = "multiply_adds"
        }
    }

    public let path: String
    public let kind: String
    public let bytes: Int
    /// What the comparison of the files with their fingerprints found.
    public let integrity: String
    public let tensors: [TensorLine]
    public let weights: [Weights]
    public let projector: ProjectorSizes?
    public let cost: Cost?
    /// The autoencoder whose latents are diffused; nil for pixels.
    public let autoencoder: AutoencoderIdentity?
    /// The numbers that the model is told of each image.
    public let values: [TrainedValue]
    /// Averages of chosen lengths that the run of a step keeps; nil if it keeps none, or for a file.
    public let averages: Averages?
    public let unknown: Unknown
    public let metadata: [String: String]

    /// Largest number of tokens for which a cost is computed, so that no number overflows.
    private static let mostTokens = 1 << 20

    /// - Parameters:
    ///   - checkpoint: the checkpoint to describe.
    ///   - size: height and width in pixels of the image for which the cost is computed; nil for the training size, or
    ///     else 256.
    /// - Throws: `PixNerdError` if the size is not a multiple of the patch size, or if a file does not fit its own
    ///   fingerprint.
    public init(_ checkpoint: DenoiserCheckpoint, size: ImageSize?) throws {
        path = checkpoint.path
        let files = checkpoint.files
        integrity = try Self.integrity(of: files)
        let kinds = Set(files.map(\.kind.rawValue)).sorted().joined(separator: ", ")
        kind = files.count > 1 ? "step of a run (\(files.count) files, \(kinds))" : kinds
        bytes = files.reduce(0) { $0 + $1.size }
        // Configurations beside the file are read for its sizes, which are shown.
        metadata = checkpoint.metadata.filter { !DenoiserCheckpoint.configurationKeys.contains($0.key) }
        // A damaged entry is shown as it is, among the metadata.
        (autoencoder, values) = (checkpoint.autoencoder, (try? checkpoint.values) ?? [])
        averages =
            files.count == 1
            ? nil : Averages(RunDirectory(existing: URL(fileURLWithPath: path).deletingLastPathComponent().path))
        tensors = files.flatMap(Self.lines)
        let prefixes = checkpoint.isBare ? [""] : WeightKind.allCases.filter(checkpoint.holds).map(\.prefix)
        weights = try WeightKind.allCases.filter(checkpoint.holds).prefix(prefixes.count).map {
            Weights(
                try checkpoint.tensors($0), prefix: checkpoint.isBare ? "" : $0.prefix, metadata: checkpoint.metadata,
                channels: checkpoint.channels)
        }
        // A projector that cannot be loaded counts as unknown.
        projector = (try? checkpoint.projector()).flatMap { $0 }.map {
            ProjectorSizes(inputs: $0.inputs, hidden: $0.hidden, outputs: $0.outputs, parameters: $0.parameterCount)
        }
        let known = prefixes + (projector == nil ? [] : [DenoiserCheckpoint.projectorPrefix])
        unknown = Unknown(
            tensors: tensors.map(\.name).filter { name in !known.contains { name.hasPrefix($0) } },
            unreadable: Dictionary(
                files.flatMap(\.notes.unreadable).map { ($0.name, $0.reason) },
                uniquingKeysWith: { first, _ in first }),
            skippedGlobals: files.flatMap(\.notes.skippedGlobals), otherEntries: files.flatMap(\.notes.otherEntries))
        guard let sound = weights.first(where: { $0.problem == nil }), let architecture = sound.architecture else {
            cost = nil
            return
        }
        let reduction = autoencoder?.reduction ?? 1
        cost = try Self.cost(
            architecture, reduction: reduction,
            size: size
                ?? Self.usualSize(
                    patch: architecture.patchSize * reduction,
                    checkpoint.imageSize ?? architecture.trainedSide.map { ImageSize($0 * reduction) }))
    }

    /// Checks files against the fingerprints that they carry, and says in words what was checked.
    ///
    /// - Throws: `PixNerdError` if a file does not fit its own fingerprint.
    static func integrity(of files: [TensorFile]) throws -> String {
        for file in files { try file.checkFingerprint() }
        let recorded = files.compactMap(\.recordedFingerprint)
        guard !recorded.isEmpty else { return "no fingerprint in the file to check it against" }
        let others = recorded.count < files.count ? "; not every file has one" : ""
        return "as saved, by its fingerprint \(recorded.joined(separator: " and "))\(others)"
    }

    static func lines(of file: TensorFile) -> [TensorLine] {
        file.names.map {
            TensorLine(name: $0, dtype: file.elementType(of: $0)?.rawValue ?? "", shape: file.shape(of: $0) ?? [])
        }
    }

    private static func usualSize(patch: Int, _ trained: ImageSize?) -> ImageSize {
        let isUsual = trained.map { trained in
            [trained.height, trained.width].allSatisfy { $0 > 0 && $0 % patch == 0 && $0 / patch <= 1024 }
        }
        if let trained, isUsual == true { return trained }
        return ImageSize(max(patch, 256 / patch * patch))
    }

    /// - Parameter reduction: downsampling factor of the space: pixels along a side for each number that is diffused.
    private static func cost(
        _ architecture: any DenoiserArchitecture, reduction: Int, size: ImageSize
    ) throws -> Cost {
        let patch = architecture.patchSize * reduction
        for (name, side) in [("height", size.height), ("width", size.width)] {
            if let problem = sizeProblem(side, multiple: patch) {
                throw PixNerdError(.invalidValue, "\(Setting.size):", found: "the \(name) \(problem)")
            }
        }
        let (tokens, overflow) = (size.height / patch).multipliedReportingOverflow(by: size.width / patch)
        guard !overflow, tokens <= mostTokens else {
            throw PixNerdError(
                .invalidValue, "\(Setting.size):",
                found: "an image of \(size.height) x \(size.width) has more than \(mostTokens) patches",
                advice: "give a smaller size")
        }
        let multiplyAdds = architecture.multiplyAdds(
            height: size.height / reduction, width: size.width / reduction)
        return try Cost(height: size.height, width: size.width, multiplyAdds: multiplyAdds)
    }
}

extension CheckpointSummary.Weights {
    /// Builds the model from the shapes alone, which finds everything that loading it would refuse.
    fileprivate init(_ source: any TensorSource, prefix: String, metadata: [String: String], channels: Int?) {
        self.prefix = prefix
        let shapes = source.names.map { source.shape(of: $0) ?? [] }
        tensors = shapes.count
        parameters = shapes.reduce(0) { $0 + $1.reduce(1, *) }
        var (missing, unexpected, problem): ([String], [String], String?) = ([], [], nil)
        do {
            let shapes = try ShapesOnly(source)
            _ = try KnownDenoisers.architecture(of: shapes, metadata: metadata, channels: channels)
                .load(shapes, recomputesBlocks: false)
        } catch let error as CheckpointMismatch {
            (missing, unexpected) = (error.missing, error.unexpected)
            // Unexpected tensors alone are no problem.
            if !missing.isEmpty || !error.misshapen.isEmpty { problem = error.description }
        } catch {
            problem = "\(error)"
        }
        (self.missing, self.unexpected, self.problem) = (missing, unexpected, problem)
        architecture = try? KnownDenoisers.architecture(of: source, metadata: metadata, channels: channels)
    }
}

/// Tensors of zeros with the shapes of another source; they share address space that takes no memory.
private struct ShapesOnly: TensorSource {
    private let source: any TensorSource
    private let zeros: Zeros

    /// Address space that reads as zero.
    private final class Zeros {
        let address: UnsafeMutableRawPointer
        private let size: Int

        init(bytes: Int) throws {
            size = max(bytes, 1)
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE)
            guard let address = mmap(nil, size, PROT_READ, flags, -1, 0), address != MAP_FAILED else {
                throw PixNerdError(
                    .system,
                    found: "The system refused to reserve \(size) bytes of address space to describe the model in")
            }
            self.address = address
        }

        deinit { munmap(address, size) }
    }

    init(_ source: any TensorSource) throws {
        self.source = source
        let largest = source.names.map { (source.shape(of: $0) ?? []).reduce(1, *) }.max() ?? 0
        zeros = try Zeros(bytes: largest * MemoryLayout<Float>.stride)
    }

    var origin: String { source.origin }
    var names: [String] { source.names }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func tensor(_ name: String) throws -> Tensor {
        guard let shape = source.shape(of: name) else {
            throw PixNerdError(.notFound, "\(origin)", found: "lacks the tensor \(name)")
        }
        return Tensor(borrowing: zeros.address.assumingMemoryBound(to: Float.self), shape: shape, owner: zeros)
    }
}
