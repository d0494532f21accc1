import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// The manifest of sampled images, which records in JSON how they were made.
public struct SampleManifest: Codable, Equatable, Sendable {
    /// An image of the manifest.
    public struct Picture: Codable, Equatable, Sendable {
        /// A number that the model was told.
        public struct Value: Codable, Equatable, Sendable {
            public var name: String
            public var value: Double
        }

        /// Another image that an image leans to.
        public struct Towards: Codable, Equatable, Sendable {
            /// The classes; nil for a text.
            public var labels: [Int]?
            /// The text; nil for classes.
            public var prompt: String?
            public var seed: UInt64
            /// How far the image lies towards the other, 0 to 1.
            public var share: Float
        }

        /// The class; nil for an image of a text, of several classes or of none.
        public var label: Int?
        /// The classes; nil for an image of a text or of a single class.
        public var labels: [Int]?
        /// The name of the class, or of the classes and the values; nil for an image of a text.
        public var className: String?
        /// The values that were asked for; nil for none.
        public var values: [Value]?
        /// The text; nil for an image of a class.
        public var prompt: String?
        public var seed: UInt64
        /// Which of the images drawn one after another from the seed; nil for the first.
        public var draw: Int?
        /// The image that this one leans to; nil for none.
        public var towards: Towards?
        /// Name of the image's own file; nil if all images share a file.
        public var file: String?
    }

    /// Name and version of the program, such as `pixnerd 0.1.0`.
    public var program: String
    /// Path of the checkpoint as given by the user.
    public var checkpoint: String
    /// The file or the directory of the saved step that guidance led away from; nil for the model itself without a
    /// condition.
    public var guide: String?
    /// The files of the LoRAs that were merged into the weights; nil for none.
    public var adapters: [String]?
    /// The run or file of the ControlNet; nil for that of the checkpoint itself, and for none.
    public var controlNet: String?
    /// The file or folder of the control pictures, or of the photographs that they were made of; nil for none.
    public var controlPictures: String?
    public var provenance: SamplingProvenance
    public var threads: Int
    public var instructionSet: String
    public var blasCore: String
    /// Formula that rounded pixels to 8-bit levels; nil if they were not rounded.
    public var rounding: String?
    /// Seed of the order of shuffled rows; nil if they are not shuffled.
    public var rowOrderSeed: UInt64?
    /// The layout of files of a benchmark; nil for none.
    public var layout: BenchmarkLayout?
    /// The file or folder that the prompts were read from; nil if there is none. Benchmarks publish original and
    /// rephrased prompts, whose scores differ.
    public var prompts: String?
    /// The images, in the order of rows, or of the grid.
    public var pictures: [Picture]

    /// Keys in the file, where the provenance is named `knobs`.
    enum CodingKeys: String, CodingKey {
        case program, checkpoint, guide, adapters, controlNet, controlPictures, threads, instructionSet, blasCore,
            rounding, rowOrderSeed, layout, prompts
        case pictures
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

    /// Reads a manifest.
    ///
    /// - Throws: `PixNerdError` if there is no manifest at the path.
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

    /// Checks that the images of an existing manifest were made in the same way as those of this one.
    ///
    /// - Throws: `PixNerdError` that names the first setting that differs.
    func expectSameProvenance(as other: SampleManifest, in path: String) throws {
        if let difference = try other.provenance.difference(from: provenance) {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "holds images that were sampled with other settings: \(difference)",
                advice: "choose another \(Setting.output), or overwrite them with \(Setting.overwrite)")
        }
    }
}
