import PixNerdTraining

/// A property of the pipelines of a comparison, with a value for each of them.
public struct ComparedKey: Codable, Sendable, Equatable {
    public struct Value: Codable, Sendable, Equatable {
        public let pipeline: String
        public let value: String
    }

    /// A key of `pixnerd train`, or `tokens`.
    public let key: String
    public let values: [Value]

    public var isEqual: Bool { Set(values.map(\.value)).count <= 1 }

    /// The values in words, such as `training.steps is 100 in pixel, 50 in latent`.
    public var sentence: String { "\(key) is \(valuesText)" }

    /// The values in words without the key, such as `100 in pixel, 50 in latent`.
    public var valuesText: String {
        values.map { "\($0.value.isEmpty ? "nothing" : $0.value) in \($0.pipeline)" }.joined(separator: ", ")
    }
}

/// Which properties the pipelines share and which differ, apart from those that depend on space and head.
///
/// Spaces can only be compared if everything else is equal: tokens and transformer, data, optimization, times, EMA,
/// alignment, seed.
public struct Equality: Codable, Sendable, Equatable {
    public let compared: [ComparedKey]
    /// Properties that depend on space or head, and differ.
    public let differing: [ComparedKey]

    public var unequal: [ComparedKey] { compared.filter { !$0.isEqual } }
    public var isEqual: Bool { unequal.isEmpty }

    /// Keys that belong to a run, a space or a head and need not be equal.
    private static let free: Set<String> = [
        "name", "directory", "space", "model.preset", "model.patch_size", "model.head", "model.num_blocks",
        "model.hidden_size_x", "model.nerf_mlpratio", "training.field_sizes",
    ]
    private static let freeSections = ["latent.", "autoencoder.", "sampling."]
    /// Keys that affect how a run is stored but not what it learns.
    private static let keeping: Set<String> = [
        "data.workers", "data.prefetch_batches", "data.prefetch_megabytes", "training.log_every", "training.save_every",
        "training.keep_last", "training.keep_every", "training.on_save_failure", "training.preview_every",
    ]

    public init(_ pipelines: [Pipeline]) {
        func key(_ name: String, _ value: (Pipeline) -> String?) -> ComparedKey {
            ComparedKey(
                key: name,
                values: pipelines.map { ComparedKey.Value(pipeline: $0.name, value: value($0) ?? "unknown") })
        }
        let derived = [key("tokens") { $0.tokens.map(String.init) }]
        func isFree(_ name: String) -> Bool {
            Self.free.contains(name) || Self.freeSections.contains(where: name.hasPrefix)
        }
        let keys = Configuration.keys.filter { !Self.keeping.contains($0.name) }
        func compare(_ keys: [ConfigurationKey<Configuration>]) -> [ComparedKey] {
            keys.map { own in key(own.name) { own.read($0.configuration) } }
        }
        compared = derived + compare(keys.filter { !isFree($0.name) })
        let own = keys.filter { isFree($0.name) && !["name", "directory"].contains($0.name) }
        differing = compare(own.filter { !$0.name.hasPrefix("sampling.") }).filter { !$0.isEqual }
    }
}

extension Pipeline {
    /// Pixels per latent along each side, 1 in pixel space; nil if the autoencoder cannot be read.
    var reduction: Int? {
        if configuration.space == .latent, let autoencoder { return 1 << (autoencoder.autoencoder.widths.count - 1) }
        return configuration.reduction
    }

    /// Side of a token in pixels.
    var tokenSide: Int? { reduction.map { $0 * configuration.model.patchSize } }

    /// Number of tokens per image.
    var tokens: Int? {
        tokenSide.map { (configuration.data.squareSide / $0) * (configuration.data.squareSide / $0) }
    }
}
