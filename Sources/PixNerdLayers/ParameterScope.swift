import PixNerdTensors

/// Tensors in a checkpoint that are not what a model expects: all of them at once.
public struct CheckpointMismatch: Error, CustomStringConvertible, Sendable {
    public let origin: String
    public let missing: [String]
    public let unexpected: [String]
    /// Name, found shape, expected shape.
    public let misshapen: [(name: String, found: [Int], expected: [Int])]

    public var description: String {
        var parts: [String] = []
        if !missing.isEmpty { parts.append("lacks \(Self.list(missing))") }
        if !unexpected.isEmpty { parts.append("holds \(Self.list(unexpected)), which the model has no place for") }
        if !misshapen.isEmpty {
            let shapes = misshapen.map { "\($0.name) as \($0.found) where \($0.expected) is expected" }
            parts.append("has " + shapes.joined(separator: ", "))
        }
        return "\(origin) does not fit the model: it \(parts.joined(separator: "; it ")); "
            + "use a checkpoint of the same architecture."
    }

    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(8).joined(separator: ", ")
        return names.count > 8 ? "\(shown) and \(names.count - 8) more" : shown
    }
}

/// All parameters of a model while it is built, either initialised or loaded.
public final class ParameterStore {
    public enum Source {
        /// `after` parameters were drawn from the seed before, so that no two get the same numbers.
        case initialize(seed: UInt64, after: Int = 0)
        case load(any TensorSource)
    }

    private let source: Source
    /// The parameters in the order in which the model asked for them.
    public private(set) var parameters: [Parameter] = []
    private var missing: [String] = []
    private var misshapen: [(name: String, found: [Int], expected: [Int])] = []
    private var readError: (any Error)?

    public init(_ source: Source) { self.source = source }

    /// Builds a model from this store and checks that it took every tensor of a checkpoint.
    ///
    /// - Throws: `CheckpointMismatch` with every missing, left-over and misshapen name; or what reading threw.
    public static func build<Model>(_ source: Source, _ make: (ParameterScope) throws -> Model) throws -> Model {
        let store = ParameterStore(source)
        let model = try make(ParameterScope(store: store, path: ""))
        if let error = store.readError { throw error }
        guard case .load(let tensors) = source else { return model }
        // What was read is going to multiply matrices; here it can still be said that nothing does.
        try Precision.fp32.check()
        let known = Set(store.parameters.map(\.name))
        let unexpected = tensors.names.filter { !known.contains($0) }
        guard store.missing.isEmpty && store.misshapen.isEmpty && unexpected.isEmpty else {
            throw CheckpointMismatch(
                origin: tensors.origin, missing: store.missing, unexpected: unexpected, misshapen: store.misshapen)
        }
        return model
    }

    fileprivate func parameter(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        let parameter = Parameter(name: name, value: value(name, shape: shape, initializer))
        parameters.append(parameter)
        return parameter
    }

    private func value(_ name: String, shape: [Int], _ initializer: Initializer) -> Tensor {
        // Stands in for a tensor that cannot be had, until `build` throws.
        let absent = Tensor(zeros: [1])
        switch source {
        case .initialize(let seed, let place):
            return initializer.tensor(shape: shape, seed: seed, index: place + parameters.count)
        case .load(let tensors):
            guard let found = tensors.shape(of: name) else {
                missing.append(name)
                return absent
            }
            guard found == shape else {
                misshapen.append((name, found, shape))
                return absent
            }
            do {
                return try tensors.tensor(name)
            } catch {
                readError = readError ?? error
                return absent
            }
        }
    }
}

/// A place in a model's tree of names, passed down like a directory: `scope / "attn" / "qkv"`.
///
/// Asking it for a parameter states the key, the shape, the start value, and how it is loaded, all at once.
public struct ParameterScope {
    private let store: ParameterStore
    private let path: String

    init(store: ParameterStore, path: String) {
        self.store = store
        self.path = path
    }

    public static func / (scope: ParameterScope, name: String) -> ParameterScope {
        ParameterScope(store: scope.store, path: scope.path.isEmpty ? name : "\(scope.path).\(name)")
    }

    public static func / (scope: ParameterScope, index: Int) -> ParameterScope { scope / String(index) }

    /// The parameter `name` here, in PyTorch's spelling.
    public func parameter(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        store.parameter((self / name).path, shape: shape, initializer)
    }

    /// Every parameter that the model has asked for so far, in order.
    public var parameters: [Parameter] { store.parameters }
}
