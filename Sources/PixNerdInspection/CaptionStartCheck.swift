import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// A comparison of models of captions that begin as a model of classes with a PyTorch reference.
///
/// The file holds `x` [B, C, H, W], `t` [B], `caption` [B, L, E] and `keep` [B, L]; `class_model`, the velocity of no
/// class; and for the modulations `per_block` and `single` the velocity `start_KIND` of the start and `later_KIND` with the
/// layers `KIND.cross.i.*` and `KIND.y_embedder.*`.
public struct CaptionStartCheck {
    private let checkpoint: DenoiserCheckpoint
    private let reference: SafetensorsFile
    private let tolerance: Double

    public init(checkpoint: DenoiserCheckpoint, reference: SafetensorsFile, tolerance: Double) {
        (self.checkpoint, self.reference, self.tolerance) = (checkpoint, reference, tolerance)
    }

    /// Whether a file is such a reference.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        Set(file.names).isSuperset(of: ["x", "t", "caption", "keep", "class_model"])
    }

    /// Compares all that the reference has.
    ///
    /// - Throws: `PixNerdError` if the checkpoint holds no model of classes, or the reference does not fit it.
    public func comparisons() throws -> [Comparison] {
        let kind = checkpoint.preferred(nil)
        let classes = try checkpoint.load(kind)
        let probe = try CaptionSizes(width: 1, length: 1, modulation: .perBlock)
        guard try KnownDenoisers.captionModel(beginningAs: classes, probe) != nil else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "holds no model of classes with a field, and \(reference.path) is a "
                    + "reference for models of captions that begin as one")
        }
        let (x, times) = (try reference.tensor("x"), try reference.tensor("t").values)
        let caption = try reference.tensor("caption")
        let (batch, multiple) = (times.count, classes.sizeMultiple)
        guard x.shape.count == 4, x.shape[0] == batch, x.shape[1] == classes.channels, caption.shape.count == 3,
            caption.shape[0] == batch, x.shape[2] % multiple.height == 0, x.shape[3] % multiple.width == 0
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path):",
                found: "x has the shape \(x.shape) and caption \(caption.shape) for \(batch) times",
                expected:
                    "[B, \(classes.channels), H, W] with sides that are multiples of \(multiple.text), and [B, L, E]")
        }
        let texts = try PixArtCheck.texts(caption, keep: "keep", in: reference)
        func velocity(_ model: any Denoiser, _ condition: any Condition) -> Tensor {
            model.velocity(x, times: times, condition: condition)
        }
        func comparison(_ name: String, _ found: Tensor) throws -> Comparison {
            Comparison(name, found.values, try reference.tensor(name).values, tolerance: tolerance)
        }
        var comparisons = [
            try comparison("class_model", velocity(classes, ClassCondition([Int?](repeating: nil, count: batch))))
        ]
        for modulation in DenoiserOptions.Modulation.allCases
        where reference.shape(of: "start_\(modulation.rawValue)") != nil {
            let sizes = try CaptionSizes(
                width: caption.shape[2], length: caption.shape[1], modulation: modulation)
            guard let start = try KnownDenoisers.captionModel(beginningAs: classes, sizes) else { continue }
            let condition = TextCondition(texts, nothing: texts)
            comparisons.append(try comparison("start_\(modulation.rawValue)", velocity(start, condition)))
            guard reference.shape(of: "later_\(modulation.rawValue)") != nil else { continue }
            let tensors = LaterTensors(start, reference, prefix: "\(modulation.rawValue).")
            let later = try KnownDenoisers.architecture(of: tensors).load(tensors, recomputesBlocks: false)
            comparisons.append(try comparison("later_\(modulation.rawValue)", velocity(later, condition)))
        }
        return comparisons
    }
}

/// The tensors of a model of captions some time after its start: those of the start, with others in the layers that read
/// captions.
private struct LaterTensors: TensorSource {
    private let start: [String: Tensor]
    private let reference: SafetensorsFile
    private let prefix: String
    let names: [String]

    init(_ start: any Denoiser, _ reference: SafetensorsFile, prefix: String) {
        let parameters = start.parameters + start.constants
        self.start = Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.value) })
        (self.reference, self.prefix, names) = (reference, prefix, parameters.map(\.name))
    }

    var origin: String { reference.path }

    /// The name of a layer that reads captions in the reference.
    private func stored(_ name: String) -> String {
        let parts = name.split(separator: ".", maxSplits: 3)
        guard parts.count == 4, parts[0] == "blocks", parts[2] == "cross_attn" else { return prefix + name }
        return "\(prefix)cross.\(parts[1]).\(parts[3])"
    }

    func shape(of name: String) -> [Int]? { reference.shape(of: stored(name)) ?? start[name]?.shape }

    func tensor(_ name: String) throws -> Tensor {
        guard reference.shape(of: stored(name)) == nil, let own = start[name] else {
            return try reference.tensor(stored(name))
        }
        return own
    }
}
