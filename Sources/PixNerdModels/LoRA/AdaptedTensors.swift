import PixNerdSupport
import PixNerdTensors

/// A LoRA and how strongly it is applied.
public struct AdapterUse: Sendable {
    public let file: LoRAFile
    /// The factor of all products; 0 leaves every bit of the model as it is.
    public let strength: Float

    public init(_ file: LoRAFile, strength: Float = 1) { (self.file, self.strength) = (file, strength) }
}

/// The tensors of a denoiser with LoRAs merged into them: W + strength (alpha / rank) B A, in float32.
struct AdaptedTensors: TensorSource {
    /// What is added to some rows of a tensor.
    private struct Change {
        let down: Tensor
        let up: Tensor
        let scale: Float
        let row: Int
    }

    private let source: any TensorSource
    private let changes: [String: [Change]]

    var origin: String { source.origin }
    var names: [String] { source.names }
    func shape(of name: String) -> [Int]? { source.shape(of: name) }

    /// Names of the tensors that adapters change.
    var changed: Set<String> { Set(changes.keys) }

    /// - Parameters:
    ///   - source: Tensors under the names of a checkpoint, without a prefix.
    ///   - others: Names that other programs have for its matrices.
    /// - Throws: `PixNerdError` if an adapter is for another model.
    init(_ source: any TensorSource, _ adapters: [AdapterUse], others: [String: [LayerPart]]) throws {
        self.source = source
        let names = LayerNames(source, others: others)
        var changes: [String: [Change]] = [:]
        for use in adapters {
            let file = use.file
            let placed = file.layers.map { ($0, names.parts(of: $0.name, hasUnderscores: file.hasUnderscores)) }
            let unknown = placed.filter { $0.1 == nil }.map(\.0.name)
            guard unknown.isEmpty else { throw Self.misfit(file, source, unknown: unknown) }
            for case (let layer, let parts?) in placed {
                try Self.expectFits(layer, parts, file, source)
                var next = 0
                let scale = use.strength * layer.scale
                for part in parts where scale != 0 {
                    changes[part.tensor, default: []].append(
                        Change(
                            down: layer.down, up: layer.up.rows(next..<next + part.count), scale: scale,
                            row: part.first))
                    next += part.count
                }
            }
        }
        self.changes = changes
    }

    private static func misfit(_ file: LoRAFile, _ source: any TensorSource, unknown: [String]) -> PixNerdError {
        let all = unknown.count == file.layers.count
        return PixNerdError(
            .mismatch, "\(file.path)",
            found:
                "does not fit \(source.origin): \(all ? "all" : "\(unknown.count)") of its \(file.layers.count) layers "
                + "are for another model, such as \(unknown[0])",
            advice: "use the model that it was trained for")
    }

    private static func expectFits(
        _ layer: LoRAFile.Layer, _ parts: [LayerPart], _ file: LoRAFile, _ source: any TensorSource
    ) throws {
        let shape = source.shape(of: parts[0].tensor) ?? []
        let (inputs, outputs) = (shape.dropFirst().reduce(1, *), parts.reduce(0) { $0 + $1.count })
        let own = (inputs: layer.down.count / layer.rank, outputs: layer.up.shape[0])
        guard own == (inputs, outputs) else {
            throw PixNerdError(
                .mismatch, "\(file.path)",
                found: "does not fit \(source.origin): its layer \(layer.name) makes \(own.outputs) numbers of "
                    + "\(own.inputs), and that of the model \(outputs) of \(inputs)",
                advice: "use the model that it was trained for")
        }
    }

    func tensor(_ name: String) throws -> Tensor { adapted(try source.tensor(name), name) }

    /// A tensor of the source with the adapters' products added.
    func adapted(_ tensor: Tensor, _ name: String) -> Tensor {
        guard let own = changes[name] else { return tensor }
        var sum = tensor
        for change in own {
            addLowRank(down: change.down, up: change.up, scale: change.scale, fromRow: change.row, to: &sum)
        }
        return sum
    }
}
