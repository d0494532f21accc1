import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

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
    public var provenance: SamplingProvenance
    public var threads: Int
    public var instructionSet: String
    public var blasCore: String
    /// How pixels became levels.
    public var rounding: String?
    /// Where rows are shuffled: the seed of their order.
    public var rowOrderSeed: UInt64?
    /// In the order of rows, or of the grid.
    public var pictures: [Picture]

    /// Files name the provenance `knobs`.
    enum CodingKeys: String, CodingKey {
        case program, checkpoint, threads, instructionSet, blasCore, rounding, rowOrderSeed, pictures
        case provenance = "knobs"
    }

    public init(program: String, checkpoint: String, provenance: SamplingProvenance) {
        let machine = Machine()
        self.program = program
        self.checkpoint = checkpoint
        self.provenance = provenance
        threads = Threads.count
        instructionSet = machine.instructionSet
        blasCore = machine.blasCore ?? machine.blas ?? "none"
        rounding = "clip(127.5 x + 128)"
        pictures = []
    }

    static let encoder = JSON.encoder(isPretty: true, snakeCase: true)

    /// - Throws: `SamplingError` where there is no manifest of this program's.
    package init(path: String) throws {
        let decoder = JSON.decoder(snakeCase: true)
        guard let data = FileManager.default.contents(atPath: path),
            let manifest = try? decoder.decode(SampleManifest.self, from: data)
        else {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "is not a manifest of sampled images",
                advice: "move it, choose another \(Setting.output), or overwrite it with \(Setting.overwrite)")
        }
        self = manifest
    }

    func write(to path: String) throws {
        let data = try Self.encoder.encode(self)
        try AtomicFile.write(data, to: path)
    }

    /// That pictures which were made by `other` are those that this manifest asks for.
    ///
    /// - Throws: `SamplingError` that names the first knob that differs.
    func expectSameProvenance(as other: SampleManifest, in path: String) throws {
        if let difference = try other.provenance.difference(from: provenance) {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "holds images that were sampled with other settings: \(difference)",
                advice: "choose another \(Setting.output), or overwrite them with \(Setting.overwrite)")
        }
    }
}
