import Foundation
import PixNerdCheckpoints
import PixNerdTensors

/// Everything that decides what a class and a seed become.
public struct SampleKnobs: Codable, Equatable, Sendable {
    /// `Fingerprint` of the file of weights.
    public var checkpointHash: String
    /// `ema` or `raw`.
    public var weights: String
    /// Of the finished pictures, in pixels, and of the canvas that they are cut from.
    public var height: Int
    public var width: Int
    public var canvasHeight: Int
    public var canvasWidth: Int
    /// `grid` or `field`.
    public var route: String
    public var sampler: String
    /// Of the sampler `adams`.
    public var order: Int?
    public var steps: Int
    public var lastStep: Float?
    public var shift: Float
    /// A scale for each interval between `guidanceTimes`.
    public var guidance: [Float]
    public var guidanceTimes: [Float]
    /// `torch`, `philox` or `file`.
    public var noise: String
    /// Of the file of noise.
    public var noiseHash: String?
    /// By whose weights, and from which scale, latents were decoded.
    public var autoencoder: String?
    /// Side of the squares that latents were decoded in, in pixels.
    public var autoencoderTile: Int?
    /// Of large products; fp32 where a manifest says nothing.
    public var precision: String?
    /// Pictures at once, on which the last bits depend.
    public var batch: Int

    public init(
        checkpointHash: String, weights: String, height: Int, width: Int, canvasHeight: Int, canvasWidth: Int,
        route: String, sampler: String, order: Int?, steps: Int, lastStep: Float?, shift: Float, guidance: [Float],
        guidanceTimes: [Float], noise: String, noiseHash: String?, autoencoder: String? = nil,
        autoencoderTile: Int? = nil, precision: Precision = .fp32, batch: Int
    ) {
        self.checkpointHash = checkpointHash
        self.weights = weights
        self.height = height
        self.width = width
        self.canvasHeight = canvasHeight
        self.canvasWidth = canvasWidth
        self.route = route
        self.sampler = sampler
        self.order = order
        self.steps = steps
        self.lastStep = lastStep
        self.shift = shift
        self.guidance = guidance
        self.guidanceTimes = guidanceTimes
        self.noise = noise
        self.noiseHash = noiseHash
        self.autoencoder = autoencoder
        self.autoencoderTile = autoencoderTile
        self.precision = precision.rawValue
        self.batch = batch
    }

    /// The first knob that is set otherwise in `other`, such as `steps is 50 and not 100`; nil where all agree.
    public func difference(from other: SampleKnobs) throws -> String? {
        let (own, others) = (try values(), try other.values())
        let key = Set(own.keys).union(others.keys).sorted().first { own[$0] != others[$0] }
        return key.map { "\($0) is \(own[$0] ?? "not set") and not \(others[$0] ?? "not set")" }
    }

    /// Every knob that is set, as JSON shows it.
    private func values() throws -> [String: String] {
        let data = try SampleManifest.encoder.encode(self)
        let object = try JSONSerialization.jsonObject(with: data) as? [String: Any] ?? [:]
        return ["precision": Precision.fp32.rawValue].merging(object.mapValues { "\($0)" }) { $1 }
    }
}

/// What stands beside sampled pictures: how they were made, in JSON.
public struct SampleManifest: Codable, Equatable, Sendable {
    /// A picture: which it is, and where where pictures have files of their own.
    public struct Picture: Codable, Equatable, Sendable {
        public var label: Int
        public var className: String
        public var seed: UInt64
        public var file: String?
    }

    /// What made them, such as `pixnerd 0.1.0`.
    public var program: String
    /// The checkpoint as it was named.
    public var checkpoint: String
    public var knobs: SampleKnobs
    public var threads: Int
    public var instructionSet: String
    public var blasCore: String
    /// How pixels became levels.
    public var rounding: String?
    /// Where rows are shuffled: the seed of their order.
    public var rowOrderSeed: UInt64?
    /// In the order of rows, or of the grid.
    public var pictures: [Picture]

    public init(program: String, checkpoint: String, knobs: SampleKnobs) {
        let machine = Machine()
        self.program = program
        self.checkpoint = checkpoint
        self.knobs = knobs
        threads = Threads.count
        instructionSet = machine.instructionSet
        blasCore = machine.blasCore ?? machine.blas ?? "none"
        rounding = "clip(127.5 x + 128)"
        pictures = []
    }

    static let encoder: JSONEncoder = {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        return encoder
    }()

    /// - Throws: `SamplingError` where there is no manifest of this program's.
    package init(path: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let data = FileManager.default.contents(atPath: path),
            let manifest = try? decoder.decode(SampleManifest.self, from: data)
        else {
            throw SamplingError(
                "\(path) is no manifest of sampled pictures; move it away, choose another --out, or allow writing over "
                    + "it by --overwrite.")
        }
        self = manifest
    }

    func write(to path: String) throws {
        let data = try Self.encoder.encode(self)
        try AtomicFile.write(to: path) { file in
            try data.withUnsafeBytes { try file.append($0) }
        }
    }

    /// That pictures which were made by `other` are those that this manifest asks for.
    ///
    /// - Throws: `SamplingError` that names the first knob that differs.
    func expectSameKnobs(as other: SampleManifest, in path: String) throws {
        if let difference = try other.knobs.difference(from: knobs) {
            throw SamplingError(
                "\(path) holds pictures that were made otherwise: \(difference); choose another --out, or allow writing "
                    + "over them by --overwrite.")
        }
    }
}
