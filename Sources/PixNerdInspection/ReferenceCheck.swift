import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The difference between this package's numbers and a reference's.
public struct Comparison: Sendable {
    public let name: String
    /// The largest absolute difference.
    public let largest: Double
    /// Frobenius norm of the difference, relative to that of the reference; infinite if a number is not finite.
    public let relative: Double
    /// The largest accepted value of `relative`.
    public let tolerance: Double

    public var passes: Bool { relative <= tolerance }

    init(_ name: String, _ actual: [Float], _ expected: [Float], tolerance: Double) {
        self.name = name
        self.tolerance = tolerance
        var (difference, norm, largest) = (0.0, 0.0, 0.0)
        for (a, e) in zip(actual, expected) {
            let d = Double(a) - Double(e)
            difference += d * d
            norm += Double(e) * Double(e)
            largest = d.isNaN ? .infinity : max(largest, abs(d))
        }
        self.largest = largest
        guard actual.count == expected.count, difference.isFinite, norm.isFinite else {
            relative = .infinity
            return
        }
        relative = difference == 0 ? 0 : norm == 0 ? .infinity : (difference / norm).squareRoot()
    }
}

/// A comparison of a checkpoint's model with a PyTorch reference file.
///
/// The file holds `x` [B, C, H, W], `t` [B], `y` and `velocity`; `y` is [B] (integers) for classes and [B, L, E] (rows
/// of a text encoder) for texts. Its metadata may name a `route`, `grid` or `field`, and for the field route the
/// `encoder_size` HxW that the transformer sees. Or it holds a training run: `train.x`,
/// `train.noise` [S, B, C, H, W], `train.y`, `train.t` [S, B], `train.loss` [S], and optionally `grad.denoiser.*`
/// after the first backward pass, `final.denoiser.*` and `final.ema_denoiser.*`; or both. An aligned run also holds
/// `train.features` [S, B, N, E], and optionally `train.flow`, `train.align` [S], `grad.proj.*` and `final.proj.*`;
/// its checkpoint holds the projector. A clipped run may hold `train.gradient_norm` [S], the norms before clipping.
public struct ReferenceCheck {
    private let checkpoint: DenoiserCheckpoint
    private let reference: SafetensorsFile
    /// Largest relative error of forward passes and gradients.
    public let tolerance: Double
    /// Factor on the tolerance for a run of several steps.
    public static let runFactor = 10.0

    public init(checkpoint: DenoiserCheckpoint, reference: SafetensorsFile, tolerance: Double) {
        self.checkpoint = checkpoint
        self.reference = reference
        self.tolerance = tolerance
    }

    public var hasVelocity: Bool { reference.shape(of: "velocity") != nil }
    public var hasTraining: Bool { reference.shape(of: "train.loss") != nil }

    /// Compares the velocity.
    public func velocity(_ kind: WeightKind) throws -> Comparison {
        let model = try routed(checkpoint.load(kind))
        let (x, times) = (try reference.tensor("x"), try reference.tensor("t").values)
        try check(model, x.shape, times: times.count)
        let condition = try checkpoint.conditioner(of: checkpoint.architecture(kind))
            .condition(readFrom: reference, prefix: "", count: times.count)
        let velocity = model.velocity(x, times: times, condition: condition)
        let expected = try reference.tensor("velocity")
        guard expected.shape == x.shape else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "velocity has the shape \(expected.shape) and x \(x.shape)",
                expected: "equal shapes")
        }
        return Comparison("velocity (\(kind.rawValue))", velocity.values, expected.values, tolerance: tolerance)
    }

    /// The model by the route that the reference names.
    private func routed(_ model: any Denoiser) throws -> any Denoiser {
        let route = reference.metadata["route"] ?? "grid"
        guard route != "grid" else { return model }
        guard route == "field" else {
            throw PixNerdError(
                .malformed, "\(reference.path):", found: "its metadata route is '\(route)'", expected: "grid or field")
        }
        let size = reference.metadata["encoder_size"] ?? ""
        guard let sides = ImageSize(text: size), sides.isPossible, sides.isMultiple(of: model.sizeMultiple) else {
            throw PixNerdError(
                .malformed, "\(reference.path):", found: "its metadata encoder_size is '\(size)'",
                expected: "HxW with sides that are multiples of \(model.sizeMultiple.text)")
        }
        guard let resampled = model.fieldResampled(trainedSize: sides) else {
            throw PixNerdError(
                .mismatch, "\(reference.path)",
                found: "was made by the field route, which the model of \(checkpoint.path) does not have")
        }
        return resampled
    }

    /// Replays the training run from the raw weights and compares losses, gradients and final weights.
    ///
    /// - Parameters:
    ///   - settings: settings of AdamW.
    ///   - gradientClip: norm that gradients are clipped to; nil for none.
    ///   - averageDecay: decay of the EMA, which starts from the checkpoint's EMA weights if it has them.
    ///   - layer: the block whose tokens are aligned if the reference holds features.
    ///   - weight: weight of the alignment in the loss.
    public func training(
        _ settings: AdamW.Settings, gradientClip: Double? = nil, averageDecay: Float, layer: Int = 8,
        weight: Float = 0.5
    ) throws -> [Comparison] {
        guard let model = try checkpoint.load(.raw) as? any AlignableDenoiser else {
            throw PixNerdError(
                .unsupported, "\(checkpoint.path)", found: "holds a model that cannot be trained",
                advice: "compare its velocity only")
        }
        let alignment = try alignment(model, layer: layer, weight: weight)
        let projected = alignment?.projector.parameters ?? []
        let average = MovingAverage(
            decay: averageDecay,
            startingFrom: try checkpoint.holds(.ema)
                ? checkpoint.load(.ema).parameters.map(\.value) : model.parameters.map(\.value))
        let step = FlowMatchingStep(
            model: model, objective: TrainingObjective(alignment: alignment),
            optimizer: AdamW(model.parameters + projected, settings: settings),
            averages: [average], gradientClip: gradientClip)
        let batches = try trainingBatches(model, alignment)
        var gradients: [Comparison] = []
        var results: [OptimizationResult] = []
        for (index, batch) in batches.enumerated() {
            results.append(try step([batch]))
            guard index == 0 else { continue }
            func gradient(_ parameter: Parameter) -> Tensor {
                parameter.gradient ?? Tensor(zeros: parameter.value.shape)
            }
            gradients += try compare("grad.denoiser.", model.parameters, tolerance, gradient)
            gradients += try compare("grad.", only: "proj.", projected, tolerance, gradient)
        }
        let runTolerance = Self.runFactor * tolerance
        let losses =
            [
                ("loss", results.map(\.loss)), ("flow", results.compactMap { $0.pictures.mean("flow") }),
                ("align", results.compactMap { $0.pictures.mean("align") }),
            ] + (gradientClip == nil ? [] : [("gradient_norm", results.map { Float($0.gradientNorm) })])
        let curves = try losses.compactMap { name, values -> Comparison? in
            let name = "train.\(name)"
            guard reference.shape(of: name) != nil else { return nil }
            return Comparison(name, values, try reference.tensor(name).values, tolerance: runTolerance)
        }
        let averages = Dictionary(uniqueKeysWithValues: zip(model.parameters.map(\.name), average.values))
        return try curves + gradients
            + compare("final.denoiser.", model.parameters, runTolerance) { $0.value }
            + compare("final.ema_denoiser.", model.parameters, runTolerance) { averages[$0.name] ?? $0.value }
            + compare("final.", only: "proj.", projected, runTolerance) { $0.value }
    }

    /// The alignment of the run; nil if the reference holds no features.
    private func alignment(_ model: any AlignableDenoiser, layer: Int, weight: Float) throws -> Alignment? {
        guard let shape = reference.shape(of: "train.features") else { return nil }
        guard let projector = try checkpoint.projector() else {
            throw PixNerdError(
                .mismatch, "\(reference.path)",
                found: "holds train.features, but \(checkpoint.path) holds no projector "
                    + "(\(DenoiserCheckpoint.projectorPrefix)proj.*)",
                advice: "use a checkpoint of an aligned run")
        }
        guard (1...model.tokenBlocks).contains(layer) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.alignedLayer)",
                found: "is \(layer), but \(checkpoint.path) has \(model.tokenBlocks) transformer blocks",
                expected: "1 to \(model.tokenBlocks)")
        }
        guard projector.inputs == model.tokenWidth, shape.last == projector.outputs else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found:
                    "holds a projector from width \(projector.inputs) to \(projector.outputs), its tokens have width "
                    + "\(model.tokenWidth), and train.features of \(reference.path) has the shape \(shape)")
        }
        return Alignment(projector: projector, layer: layer, weight: weight)
    }

    private func trainingBatches(_ model: any AlignableDenoiser, _ alignment: Alignment?) throws -> [TrainingBatch] {
        let (data, noise) = (try reference.tensor("train.x"), try reference.tensor("train.noise"))
        let times = try reference.tensor("train.t").values
        let steps = try reference.tensor("train.loss").count
        guard steps > 0, data.shape.count == 5, data.shape[0] == steps, noise.shape == data.shape else {
            throw PixNerdError(
                .mismatch, "\(reference.path):",
                found: "train.x has the shape \(data.shape) and train.noise \(noise.shape)",
                expected: "[S, B, C, H, W] with S = \(steps), the length of train.loss")
        }
        let batch = data.shape[1]
        try check(model, Array(data.shape.dropFirst()), times: times.count / steps)
        guard times.count == steps * batch else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "train.t holds \(times.count) values",
                expected: "\(steps) x \(batch)")
        }
        let condition = try checkpoint.conditioner(of: checkpoint.architecture(.raw))
            .condition(readFrom: reference, prefix: "train.", count: times.count)
        let features = try alignment.map { _ in try reference.tensor("train.features") }
        let patch = model.sizeMultiple
        let tokens = data.shape[3] / patch.height * (data.shape[4] / patch.width)
        if let features, features.shape != [steps, batch, tokens, features.shape.last!] {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "train.features has the shape \(features.shape)",
                expected: "[S, B, N, E] with S = \(steps), B = \(batch) and N = \(tokens), one token per patch")
        }
        return (0..<steps).map { step in
            let range = step * batch..<(step + 1) * batch
            let shape = Array(data.shape.dropFirst())
            return TrainingBatch(
                data: data.rows(step..<step + 1).reshaped(shape), noise: noise.rows(step..<step + 1).reshaped(shape),
                times: Array(times[range]), condition: condition.rows(range),
                features: features.map { $0.rows(step..<step + 1).reshaped(Array($0.shape.dropFirst())) })
        }
    }

    private func check(_ model: any Denoiser, _ shape: [Int], times: Int) throws {
        let patch = model.sizeMultiple
        guard shape.count == 4, shape[1] == model.channels, shape[2] % patch.height == 0, shape[3] % patch.width == 0
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "images of shape \(shape) do not fit the model",
                expected: "[B, \(model.channels), H, W] with H and W multiples of \(patch.text)")
        }
        guard times == shape[0] else {
            throw PixNerdError(
                .mismatch, "\(reference.path):", found: "there are \(times) times for \(shape[0]) images",
                expected: "one per image")
        }
    }

    /// Compares the parameters that the reference holds under a prefix.
    ///
    /// - Parameter stem: first part of these parameters' names, which tells them from others under the same prefix.
    private func compare(
        _ prefix: String, only stem: String = "", _ parameters: [Parameter], _ tolerance: Double,
        _ value: (Parameter) -> Tensor
    ) throws -> [Comparison] {
        let held = reference.names.filter { $0.hasPrefix(prefix + stem) }
        let known = Set(parameters.map { prefix + $0.name })
        if let stranger = held.first(where: { !known.contains($0) }) {
            throw PixNerdError(
                .mismatch, "\(reference.path)", found: "holds \(stranger), which the checkpoint's model does not have")
        }
        return try parameters.compactMap { parameter in
            let name = prefix + parameter.name
            guard reference.shape(of: name) != nil else { return nil }
            return Comparison(
                name, value(parameter).values, try reference.tensor(name).values, tolerance: tolerance)
        }
    }
}
