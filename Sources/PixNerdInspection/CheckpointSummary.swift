import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// What a checkpoint holds, told from its names and shapes: no weights are read.
public struct CheckpointSummary: Encodable {
    public struct TensorLine: Encodable {
        public let name: String
        public let dtype: String
        public let shape: [Int]
    }

    /// One set of weights.
    public struct Weights: Encodable {
        /// What the names begin with; empty for a bare state dict.
        public let prefix: String
        public let tensors: Int
        public let parameters: Int
        public let architecture: (any DenoiserArchitecture)?
        /// Why no architecture can be read off the tensors, or why the model does not fit them; one sentence.
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

    /// What there is that this program makes nothing of.
    public struct Unknown: Encodable {
        /// Tensors that belong to no set of weights.
        public let tensors: [String]
        /// Name and reason.
        public let unreadable: [String: String]
        /// Classes and functions of the pickle, which were not run.
        public let skippedGlobals: [String]
        public let otherEntries: [String]

        enum CodingKeys: String, CodingKey {
            case tensors, unreadable
            case skippedGlobals = "skipped_globals"
            case otherEntries = "other_entries"
        }
    }

    /// The projector by which tokens were aligned with an encoder's features.
    public struct ProjectorSizes: Encodable {
        public let inputs: Int
        public let hidden: Int
        public let outputs: Int
        public let parameters: Int
    }

    /// What one forward pass for one picture takes.
    public struct Cost: Encodable {
        public let height: Int
        public let width: Int
        public let multiplyAdds: Int
        /// Two for each multiply-add.
        public let flops: Int

        init(height: Int, width: Int, multiplyAdds: Int) {
            (self.height, self.width, self.multiplyAdds) = (height, width, multiplyAdds)
            flops = 2 * multiplyAdds
        }

        enum CodingKeys: String, CodingKey {
            case height, width, flops
            case multiplyAdds = "multiply_adds"
        }
    }

    public let path: String
    public let kind: String
    public let bytes: Int
    public let tensors: [TensorLine]
    public let weights: [Weights]
    public let projector: ProjectorSizes?
    public let cost: Cost?
    /// Whose latents are diffused; nil for pixels.
    public let autoencoder: AutoencoderIdentity?
    public let unknown: Unknown
    public let metadata: [String: String]

    /// More tokens than this are not counted, so that no number runs over.
    private static let mostTokens = 1 << 20

    /// - Parameter size: height and width of the pictures whose cost is told; where nil the size of training, or 256.
    /// - Throws: one sentence where the size does not fit the patches.
    public init(_ checkpoint: DenoiserCheckpoint, size: (height: Int, width: Int)?) throws {
        path = checkpoint.path
        let files = checkpoint.files
        let kinds = Set(files.map(\.kind.rawValue)).sorted().joined(separator: ", ")
        kind = files.count > 1 ? "step of a run (\(files.count) files, \(kinds))" : kinds
        bytes = files.reduce(0) { $0 + $1.size }
        metadata = checkpoint.metadata
        autoencoder = checkpoint.autoencoder
        tensors = files.flatMap(Self.lines)
        let prefixes = checkpoint.isBare ? [""] : WeightKind.allCases.filter(checkpoint.holds).map(\.prefix)
        weights = try WeightKind.allCases.filter(checkpoint.holds).prefix(prefixes.count).map {
            Weights(
                try checkpoint.tensors($0), prefix: checkpoint.isBare ? "" : $0.prefix, metadata: checkpoint.metadata,
                channels: checkpoint.channels)
        }
        // One that does not load counts among what is unknown.
        projector = (try? checkpoint.projector()).flatMap { $0 }.map {
            ProjectorSizes(inputs: $0.inputs, hidden: $0.hidden, outputs: $0.outputs, parameters: $0.parameterCount)
        }
        let known = prefixes + (projector == nil ? [] : [DenoiserCheckpoint.projectorPrefix])
        unknown = Unknown(
            tensors: tensors.map(\.name).filter { name in !known.contains { name.hasPrefix($0) } },
            unreadable: Dictionary(
                files.flatMap(\.notes.unreadable).map { ($0.name, $0.reason) }, uniquingKeysWith: { first, _ in first }),
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
                    checkpoint.imageSize ?? architecture.trainedSide.map { $0 * reduction }))
    }

    static func lines(of file: TensorFile) -> [TensorLine] {
        file.names.map {
            TensorLine(name: $0, dtype: file.elementType(of: $0)?.rawValue ?? "", shape: file.shape(of: $0) ?? [])
        }
    }

    private static func usualSize(patch: Int, _ trained: Int?) -> (height: Int, width: Int) {
        if let trained, trained > 0, trained % patch == 0, trained / patch <= 1024 { return (trained, trained) }
        let side = max(patch, 256 / patch * patch)
        return (side, side)
    }

    /// - Parameter reduction: of the space: how many pixels along a side become one number of what is diffused.
    private static func cost(
        _ architecture: any DenoiserArchitecture, reduction: Int, size: (height: Int, width: Int)
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
        return Cost(height: size.height, width: size.width, multiplyAdds: multiplyAdds)
    }
}

extension CheckpointSummary.Weights {
    /// Builds the model on the shapes alone, so that what a real loading would refuse is known.
    fileprivate init(_ source: TensorSubset, prefix: String, metadata: [String: String], channels: Int?) {
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
            // Tensors that are left over do not hinder telling what the rest is.
            if !missing.isEmpty || !error.misshapen.isEmpty { problem = error.description }
        } catch {
            problem = "\(error)"
        }
        (self.missing, self.unexpected, self.problem) = (missing, unexpected, problem)
        architecture = try? KnownDenoisers.architecture(of: source, metadata: metadata, channels: channels)
    }
}

/// Tensors of zeros in the shapes of another source; they share memory that no one has to provide.
private struct ShapesOnly: TensorSource {
    private let source: TensorSubset
    private let zeros: Zeros

    /// Memory that reads as zero.
    private final class Zeros {
        let address: UnsafeMutableRawPointer
        private let size: Int

        init(bytes: Int) throws {
            size = max(bytes, 1)
            let flags = MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE)
            guard let address = mmap(nil, size, PROT_READ, flags, -1, 0), address != MAP_FAILED else {
                throw CheckpointError("The system refused \(size) bytes of addresses; the model cannot be described.")
            }
            self.address = address
        }

        deinit { munmap(address, size) }
    }

    init(_ source: TensorSubset) throws {
        self.source = source
        let largest = source.names.map { (source.shape(of: $0) ?? []).reduce(1, *) }.max() ?? 0
        zeros = try Zeros(bytes: largest * MemoryLayout<Float>.stride)
    }

    var origin: String { source.origin }
    var names: [String] { source.names }

    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    func tensor(_ name: String) throws -> Tensor {
        guard let shape = source.shape(of: name) else {
            throw CheckpointError("\(origin) lacks the tensor \(name).")
        }
        return Tensor(borrowing: zeros.address.assumingMemoryBound(to: Float.self), shape: shape, owner: zeros)
    }
}
