import PixNerdTensors

/// All tensors of a checkpoint that do not match what a model expects.
public struct CheckpointMismatch: Error, CustomStringConvertible, Sendable {
    /// The checkpoint, for messages: its path, with the part of it if only a part is meant.
    public let origin: String
    /// Names of tensors that the model expects and the checkpoint lacks.
    public let missing: [String]
    /// Names of tensors in the checkpoint that the model does not use.
    public let unexpected: [String]
    /// Tensors of the wrong shape: name, shape found, shape expected.
    public let misshapen: [(name: String, found: [Int], expected: [Int])]

    package init(
        origin: String, missing: [String], unexpected: [String],
        misshapen: [(name: String, found: [Int], expected: [Int])]
    ) {
        (self.origin, self.missing, self.unexpected, self.misshapen) = (origin, missing, unexpected, misshapen)
    }

    public var description: String {
        var parts: [String] = []
        if !missing.isEmpty { parts.append("lacks \(Self.list(missing))") }
        if !unexpected.isEmpty { parts.append("holds \(Self.list(unexpected)), which the model does not use") }
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

/// Collects the parameters of a model while it is built. They are either initialized or loaded.
public final class ParameterStore {
    public enum Source {
        /// Draws the initial values from a seed.
        ///
        /// - Parameter after: number of parameters that were already drawn from this seed. Numbering continues after
        ///   them, so that no two parameters get the same values.
        case initialize(seed: UInt64, after: Int = 0)
        /// Loads every parameter from a checkpoint.
        case load(any TensorSource)
    }

    private let source: Source
    /// Parameters in the order in which the model requested them.
    public private(set) var parameters: [Parameter] = []
    /// What is stored with the parameters and never trained, in the order in which the model requested it.
    public private(set) var constants: [Parameter] = []
    private var missing: [String] = []
    private var misshapen: [(name: String, found: [Int], expected: [Int])] = []
    private var readError: (any Error)?

    public init(_ source: Source) { self.source = source }

    /// Builds a model and checks that it used every tensor of the checkpoint.
    ///
    /// - Throws: `CheckpointMismatch` with the names of all missing, unexpected and misshapen tensors; `PixNerdError`
    ///   if no BLAS library can be loaded; or any error thrown while reading or by `make`.
    public static func build<Model>(_ source: Source, _ make: (ParameterScope) throws -> Model) throws -> Model {
        let store = ParameterStore(source)
        let model = try make(ParameterScope(store: store, path: ""))
        if let error = store.readError { throw error }
        guard case .load(let tensors) = source else { return model }
        // A loaded model will need matmuls. Without a BLAS library, report that now, as an error.
        try Precision.fp32.check()
        let known = Set((store.parameters + store.constants).map(\.name))
        let unexpected = tensors.names.filter { !known.contains($0) }
        guard store.missing.isEmpty && store.misshapen.isEmpty && unexpected.isEmpty else {
            throw CheckpointMismatch(
                origin: tensors.origin, missing: store.missing, unexpected: unexpected, misshapen: store.misshapen)
        }
        return model
    }

    fileprivate func constant(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        let constant = Parameter(name: name, value: value(name, shape: shape, initializer))
        constants.append(constant)
        return constant
    }

    fileprivate func parameter(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        let parameter = Parameter(name: name, value: value(name, shape: shape, initializer))
        parameters.append(parameter)
        return parameter
    }

    private func value(_ name: String, shape: [Int], _ initializer: Initializer) -> Tensor {
        // Placeholder for a tensor that cannot be loaded, until `build` throws.
        let absent = Tensor(zeros: [1])
        switch source {
        case .initialize(let seed, let place):
            return initializer.tensor(shape: shape, seed: seed, index: place + parameters.count + constants.count)
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

/// A position in the tree of a model's parameter names, passed down like a directory: `scope / "attn" / "qkv"`.
///
/// A request for a parameter states its key, shape, initial value and how it is loaded, all at once.
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

    /// Creates or loads the parameter `name` of this scope. Names are spelled as in PyTorch.
    public func parameter(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        store.parameter((self / name).path, shape: shape, initializer)
    }

    /// Creates or loads what is stored under a name of this scope and never trained, such as a buffer of PyTorch.
    public func constant(_ name: String, shape: [Int], _ initializer: Initializer) -> Parameter {
        store.constant((self / name).path, shape: shape, initializer)
    }

    /// All parameters that the model has requested so far, in order.
    public var parameters: [Parameter] { store.parameters }

    /// All constants that the model has requested so far, in order.
    public var constants: [Parameter] { store.constants }
}
