import PixNerdTensors

/// The tensors of a source whose names have a prefix, with the prefix removed.
public struct TensorSubset: TensorSource {
    private let source: any TensorSource
    private let prefix: String

    /// - Parameter prefix: a prefix such as `ema_denoiser.`; empty for all names.
    public init(_ source: any TensorSource, prefix: String) {
        self.source = source
        self.prefix = prefix
    }

    public var origin: String { prefix.isEmpty ? source.origin : "\(source.origin) (\(prefix)*)" }

    public var names: [String] {
        source.names.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    public func shape(of name: String) -> [Int]? { source.shape(of: prefix + name) }

    public func tensor(_ name: String) throws -> Tensor { try source.tensor(prefix + name) }
}
