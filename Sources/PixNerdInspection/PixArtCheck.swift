import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// A comparison of a PixArt with a PyTorch reference.
///
/// The file holds latents `x` [B, C, H, W], `step` [B], `caption` [B, L, E], `keep` [B, L] (1 for rows that count) and
/// `output` [B, 2 C, H, W], and optionally `output_ema`, `fraction` with `output_fraction`, for models that are told
/// sizes `size` [B, 2] and `ratio` [B], and for a ControlNet `control_image` like `x`. Or it holds samples: `noise`,
/// `caption`, `keep`, `empty`, `keep_empty`, and by the number of steps `diffusers_N`, `alpha_script_N`,
/// `sigma_script_N`, or `one_step`. Or a training run: `x`, `noise` [S, B, C, H, W], `step` [S, B], `caption`, `keep` and
/// `error_bound_loss_norm` [S, 4], and optionally `gradient.NAME` and `after.NAME`.
public struct PixArtCheck {
    private let checkpoint: DenoiserCheckpoint
    private let reference: SafetensorsFile
    /// The file of what the model is given.
    private let inputs: SafetensorsFile
    private let tolerance: Double

    /// The guidance of samples by their number of steps.
    private static let guidance: [Int: Float] = [20: 4.5, 6: 2]

    public init(checkpoint: DenoiserCheckpoint, reference: SafetensorsFile, tolerance: Double) {
        (self.checkpoint, self.reference, self.tolerance) = (checkpoint, reference, tolerance)
        inputs = reference
    }

    /// A comparison of a model with adapters with a file that holds `output` alone. What the model is given is in the file
    /// beside it that is named after the model.
    ///
    /// - Returns: nil if the file holds something else.
    /// - Throws: `PixNerdError` if the other file cannot be read.
    public init?(outputAlone reference: SafetensorsFile, checkpoint: DenoiserCheckpoint, tolerance: Double) throws {
        guard reference.names == ["output"] else { return nil }
        let model = URL(fileURLWithPath: checkpoint.path).deletingPathExtension()
        // In a directory of diffusers the file of weights has the same name for all models.
        let isFile =
            URL(fileURLWithPath: checkpoint.path).pathExtension == "safetensors"
            && model.lastPathComponent == "diffusion_pytorch_model"
        let name = isFile ? model.deletingLastPathComponent().lastPathComponent : model.lastPathComponent
        let place = URL(fileURLWithPath: reference.path).deletingLastPathComponent()
        inputs = try SafetensorsFile(path: place.appendingPathComponent("\(name)_square.safetensors").path)
        (self.checkpoint, self.reference, self.tolerance) = (checkpoint, reference, tolerance)
    }

    /// Whether a file is a reference for a PixArt.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        let names = Set(file.names)
        guard names.isSuperset(of: ["caption", "keep"]) else { return false }
        return names.isSuperset(of: ["x", "step", "output"]) || names.contains("error_bound_loss_norm")
            || names.contains("noise") && names.contains { $0.contains("_script_") || $0 == "one_step" }
    }

    /// Compares all that the reference has.
    ///
    /// - Throws: `PixNerdError` if the checkpoint holds another model, or the reference does not fit it.
    public func comparisons() throws -> [Comparison] {
        if reference.shape(of: "error_bound_loss_norm") != nil { return try training() }
        return reference.shape(of: "output") == nil ? try samples() : try forward()
    }

    private func model(_ kind: WeightKind) throws -> PixArt {
        let kind = checkpoint.holds(kind) ? kind : checkpoint.preferred(nil)
        guard let model = try checkpoint.load(kind) as? PixArt else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)", found: "holds no PixArt, and \(reference.path) is a reference for one")
        }
        return model
    }

    /// A tensor of the reference whose last axes are known.
    private func tensor(_ name: String, _ model: PixArt, like shape: [Int?]) throws -> Tensor {
        let file = reference.shape(of: name) == nil ? inputs : reference
        let tensor = try file.tensor(name)
        let fits = tensor.shape.count == shape.count && zip(tensor.shape, shape).allSatisfy { $1 == nil || $0 == $1 }
        guard fits, !tensor.shape.contains(0) else {
            let wanted = shape.map { $0.map(String.init) ?? "any" }.joined(separator: ", ")
            throw PixNerdError(
                .mismatch, "\(file.path): \(name)", found: "has the shape \(tensor.shape)",
                expected: "[\(wanted)] for the model of \(checkpoint.path)")
        }
        return tensor
    }

    /// The kept rows of texts [B, L, E].
    static func texts(_ rows: Tensor, keep name: String, in reference: SafetensorsFile) throws -> [TextRows] {
        let (count, length, width) = (rows.shape[0], rows.shape[1], rows.shape[2])
        let keep = try reference.integers(name)
        guard keep.count == count * length else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "holds \(keep.count) values",
                expected: "\(count) x \(length)")
        }
        return try (0..<count).map { text in
            let kept = (0..<length).filter { keep[text * length + $0] != 0 }
            guard !kept.isEmpty else {
                throw PixNerdError(
                    .unsupported, "\(reference.path): \(name)", found: "leaves text \(text) no row",
                    expected: "at least the end of the text")
            }
            let own = rows.rows(text..<text + 1).reshaped([length, width])
            return TextRows(embedding(own, indices: kept))
        }
    }

    private func forward() throws -> [Comparison] {
        let model = try model(.raw)
        let (channels, patch) = (model.channels, model.sizeMultiple)
        let x = try tensor("x", model, like: [nil, channels, nil, nil])
        let (batch, height, width) = (x.shape[0], x.shape[2], x.shape[3])
        guard height % patch.height == 0, width % patch.width == 0 else {
            throw PixNerdError(
                .mismatch, "\(reference.path): x", found: "has the shape \(x.shape)",
                expected: "sides that are multiples of \(patch.text)")
        }
        let caption = try tensor("caption", model, like: [batch, nil, model.architecture.textWidth])
        let texts = try Self.texts(caption, keep: "keep", in: inputs)
        let condition = try shown(TextCondition(texts, nothing: texts), model, like: x.shape)
        let outputs = model.architecture.learnsSigma ? 2 * channels : channels
        let told = try sizes(model, batch)
        func comparison(_ name: String, _ model: PixArt, steps: [Double]) throws -> Comparison {
            guard steps.count == batch, steps.allSatisfy({ (0...999).contains($0) }) else {
                throw PixNerdError(
                    .mismatch, "\(reference.path):", found: "the steps are \(steps)",
                    expected: "\(batch) numbers from 0 to 999")
            }
            let expected = try tensor(name, model, like: [batch, outputs, height, width])
            let found = model.predicted(x, steps: steps, condition: condition, sizes: told, withVariance: true)
            return Comparison(name, found.values, expected.values, tolerance: tolerance)
        }
        let steps = try inputs.integers("step").map(Double.init)
        var comparisons = [try comparison("output", model, steps: steps)]
        if reference.shape(of: "output_ema") != nil {
            comparisons.append(try comparison("output_ema", self.model(.ema), steps: steps))
        }
        if reference.shape(of: "output_fraction") != nil {
            let steps = try reference.tensor("fraction").values.map(Double.init)
            comparisons.append(try comparison("output_fraction", model, steps: steps))
        }
        return comparisons
    }

    /// A condition with the pictures of the reference's ControlNet, if it has one.
    private func shown(_ condition: TextCondition, _ model: PixArt, like shape: [Int]) throws -> any Condition {
        guard reference.shape(of: "control_image") != nil else { return condition }
        guard model.architecture.controlBlocks > 0 else {
            throw PixNerdError(
                .mismatch, "\(reference.path)", found: "holds control_image, and \(checkpoint.path) has no ControlNet",
                advice: "name the ControlNet with \(Setting.controlNet)")
        }
        return condition.showing(ShownPictures(try tensor("control_image", model, like: shape)))
    }

    private func sizes(_ model: PixArt, _ batch: Int) throws -> [PixArtSize]? {
        guard inputs.shape(of: "size") != nil else { return nil }
        let sides = try tensor("size", model, like: [batch, 2]).values.map(Double.init)
        let ratios = try tensor("ratio", model, like: [batch]).values.map(Double.init)
        return (0..<batch).map { PixArtSize(height: sides[2 * $0], width: sides[2 * $0 + 1], ratio: ratios[$0]) }
    }

    private func samples() throws -> [Comparison] {
        let model = try model(.raw)
        let noise = try tensor("noise", model, like: [nil, model.channels, nil, nil])
        let batch = noise.shape[0]
        func texts(_ name: String, _ keep: String) throws -> [TextRows] {
            try Self.texts(
                tensor(name, model, like: [batch, nil, model.architecture.textWidth]), keep: keep, in: reference)
        }
        let captions = try texts("caption", "keep")
        return try reference.names.sorted().compactMap { name in
            guard let settings = Self.settings(name) else { return nil }
            var nothing = captions
            if case .diffusion(let grid, _) = settings.grid, settings.steps > 1 {
                nothing = grid == .diffusers ? try texts("empty", "keep_empty") : try ownRows(model, captions)
            }
            let expected = try tensor(name, model, like: noise.shape)
            let found = try sample(
                model, noise: noise, condition: TextCondition(captions, nothing: nothing), settings: settings)
            return Comparison(
                name, found.values, expected.values, tolerance: ReferenceCheck.runFactor * tolerance)
        }
    }

    /// The model's own rows for no text, as many as each caption has.
    private func ownRows(_ model: PixArt, _ captions: [TextRows]) throws -> [TextRows] {
        guard model.architecture.hasEmptyRows, captions.allSatisfy({ $0.count <= model.architecture.textLength }) else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "has no rows of its own for no text, or fewer than the captions of \(reference.path)",
                expected: "a published file, for samples of PixArt's scripts")
        }
        return captions.map { TextRows(ownOfModel: $0.count) }
    }

    /// The settings of a tensor of samples; nil for other tensors.
    private static func settings(_ name: String) -> SamplingSettings? {
        if name == "one_step" {
            return SamplingSettings(
                sampler: .dpm, steps: 1, guidance: Guidance(scale: 1), grid: .diffusion(.diffusers, firstStep: 400))
        }
        let grids: [(String, DiffusionGrid)] = [
            ("diffusers_", .diffusers), ("alpha_script_", .alpha), ("sigma_script_", .sigma),
        ]
        for (prefix, grid) in grids where name.hasPrefix(prefix) {
            guard let steps = Int(name.dropFirst(prefix.count)), (1...999).contains(steps) else { return nil }
            return SamplingSettings(
                sampler: .dpm, steps: steps, guidance: Guidance(scale: guidance[steps] ?? 4.5, lowerTime: 0),
                grid: .diffusion(grid, firstStep: 999))
        }
        return nil
    }

    private func training() throws -> [Comparison] {
        let model = try model(.raw)
        let data = try tensor("x", model, like: [nil, nil, model.channels, nil, nil])
        let noise = try tensor("noise", model, like: data.shape)
        let (runs, batch) = (data.shape[0], data.shape[1])
        let captions = try tensor("caption", model, like: [runs, batch, nil, model.architecture.textWidth])
        let (steps, expected) = (
            try reference.integers("step"), try tensor("error_bound_loss_norm", model, like: [runs, 4])
        )
        guard steps.count == runs * batch, steps.allSatisfy((0...999).contains) else {
            throw PixNerdError(
                .mismatch, "\(reference.path): step", found: "holds \(steps.count) values",
                expected: "\(runs) x \(batch) steps from 0 to 999")
        }
        let optimizer = AdamW(
            model.parameters, settings: AdamW.Settings(learningRate: 1e-3, epsilon: 1e-10, weightDecay: 0.03))
        let step = OptimizationStep<DiffusionBatch>(
            optimizer: optimizer, gradientClip: 0.01, count: { $0.steps.count },
            loss: { DiffusionSchedule().loss(model, $0) })
        var (found, comparisons): ([Float], [Comparison]) = ([], [])
        for run in 0..<runs {
            func part(_ tensor: Tensor) -> Tensor {
                tensor.rows(run..<run + 1).reshaped(Array(tensor.shape.dropFirst()))
            }
            let texts = try Self.texts(part(captions), keep: "keep", in: reference)
            let inputs = DiffusionBatch(
                data: part(data), noise: part(noise), steps: Array(steps[run * batch..<(run + 1) * batch]),
                condition: TextCondition(texts, nothing: texts))
            let result = try step([inputs])
            found += [
                result.pictures.mean("noise") ?? .nan, result.pictures.mean("bound") ?? .nan, result.loss,
                Float(result.gradientNorm),
            ]
            guard run == 0 else { continue }
            comparisons += try compare("gradient.", model) { $0.gradient ?? Tensor(zeros: $0.value.shape) }
        }
        let curve = Comparison(
            "error_bound_loss_norm", found, expected.values, tolerance: ReferenceCheck.runFactor * tolerance)
        return try [curve] + comparisons + compare("after.", model) { $0.value }
    }

    private func compare(_ prefix: String, _ model: PixArt, _ value: (Parameter) -> Tensor) throws -> [Comparison] {
        try model.parameters.filter { reference.shape(of: prefix + $0.name) != nil }.map { parameter in
            let name = prefix + parameter.name
            let expected = try tensor(name, model, like: parameter.value.shape)
            return Comparison(
                name, value(parameter).values, expected.values, tolerance: ReferenceCheck.runFactor * tolerance)
        }
    }
}
