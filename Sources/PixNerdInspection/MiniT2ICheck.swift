import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A comparison of a MiniT2I with a PyTorch reference.
///
/// The file holds `states` [B, L, E], the rows of texts, and `keep` [B, L], 1 for their tokens, which come first; none for
/// no condition. Besides these it is one of three:
///
/// - `x` [B, C, H, W] and `clean`, what the network gives for it.
/// - `noise` of standard deviation 1, and for each run by its number `RUN.after_STEP`, and optionally `RUN.pixels` [B, C,
///   H, W] as uint8. The metadata `runs` is a JSON list of their `steps`, `guidance`, `interval` and `floor`; else
///   `about.json` beside the file holds `samples` with `runs` and `prompts`, the rows of `text.safetensors` that are the
///   texts.
/// - `picture`, `noise` of standard deviation 1, `t` and `dropped` [B], with `loss.floor_F` for floors F, and optionally
///   `gradient.NAME`, `after.NAME` and `loss.after` after two steps of AdamW at the `floor` (0.01), `learning_rate` (1e-3),
///   `beta1` (0.9) and `beta2` (0.95) of the metadata.
public struct MiniT2ICheck {
    private let checkpoint: DenoiserCheckpoint
    let reference: SafetensorsFile
    let tolerance: Double

    /// Whether a file is a reference for a MiniT2I.
    public static func isReference(_ file: SafetensorsFile) -> Bool {
        func holds(_ names: String...) -> Bool { names.allSatisfy { file.shape(of: $0) != nil } }
        return holds("x", "states", "keep", "clean") || holds("picture", "noise", "t", "states", "keep", "dropped")
            || holds("noise") && file.names.contains { $0.contains(".after_") }
    }

    public init(checkpoint: DenoiserCheckpoint, reference: SafetensorsFile, tolerance: Double) {
        self.checkpoint = checkpoint
        self.reference = reference
        self.tolerance = tolerance
    }

    /// Compares all that the reference has.
    ///
    /// - Throws: `PixNerdError` if a tensor does not fit, or the checkpoint is no MiniT2I.
    public func comparisons(_ kind: WeightKind) throws -> [Comparison] {
        if reference.shape(of: "clean") != nil { return [try clean(model(kind))] }
        return reference.shape(of: "picture") == nil ? try samples(model(kind)) : try training(model(.raw))
    }

    private func model(_ kind: WeightKind) throws -> MiniT2I {
        guard let model = try checkpoint.load(kind) as? MiniT2I else {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)", found: "is no MiniT2I, which \(reference.path) is a reference for")
        }
        return model
    }

    private func clean(_ model: MiniT2I) throws -> Comparison {
        let x = try pictures("x", model)
        let texts = try Texts(reference, model.architecture)
        let times = [Float](repeating: 0, count: x.shape[0])
        let clean = model.velocity(x, times: times, condition: try texts.condition(of: x.shape[0]))
        return try comparison("clean", clean.values, tolerance)
    }

    private func samples(_ model: MiniT2I) throws -> [Comparison] {
        let noise = try pictures("noise", model)
        let described = try SampledRuns(reference)
        let texts = try Texts(described.texts ?? reference, model.architecture, rows: described.rows)
        let condition = try texts.condition(of: noise.shape[0])
        return try described.runs.enumerated().flatMap { index, run in
            var prediction = model.architecture.publishedPrediction
            prediction.floor = run.floor
            let denoiser = model.predicting(prediction)
            let settings = SamplingSettings(
                sampler: .euler, steps: run.steps,
                guidance: Guidance(scales: [run.guidance], times: run.interval, includesEnds: true))
            var results: [Comparison] = []
            var x = scaled(noise, by: denoiser.noiseScale)
            let memo = SamplingMemo()
            for (step, (time, end)) in zip(settings.times, settings.times.dropFirst()).enumerated() {
                let velocity = memo { settings.guidance.velocity(denoiser, x, time: time, condition: condition) }
                x = Tensor.combination(1, x, end - time, velocity)
                let name = "\(index).after_\(step + 1)"
                guard reference.shape(of: name) != nil else { continue }
                results.append(try comparison(name, x.values, runTolerance))
            }
            guard reference.shape(of: "\(index).pixels") != nil else { return results }
            return results + [try comparison("\(index).pixels", bytes(x), runTolerance)]
        }
    }

    /// The 8-bit values of images, channel by channel.
    private func bytes(_ x: Tensor) -> [Float] {
        let area = x.shape[2] * x.shape[3]
        return roundedPictures(x).flatMap { picture in
            (0..<x.shape[1]).flatMap { channel in
                (0..<area).map { Float(picture.pixels[$0 * x.shape[1] + channel]) }
            }
        }
    }

    /// Largest relative error after several steps.
    var runTolerance: Double { ReferenceCheck.runFactor * tolerance }

    /// Images of the reference.
    func pictures(_ name: String, _ model: MiniT2I) throws -> Tensor {
        let (x, multiple) = (try reference.tensor(name), model.sizeMultiple)
        guard x.shape.count == 4, x.shape[1] == model.channels, x.shape[2] % multiple.height == 0,
            x.shape[3] % multiple.width == 0
        else {
            throw PixNerdError(
                .mismatch, "\(reference.path): \(name)", found: "has the shape \(x.shape)",
                expected: "[B, \(model.channels), H, W] with H and W multiples of \(multiple.text)")
        }
        return x
    }

    func comparison(_ name: String, _ values: [Float], _ tolerance: Double) throws -> Comparison {
        Comparison(name, values, try reference.tensor(name).values, tolerance: tolerance)
    }

    /// The rows of texts of a reference.
    struct Texts {
        let texts: [TextRows]
        let nothing: TextRows
        private let path: String

        /// - Parameter rows: the texts that are meant, by their places in the file; nil for all.
        init(_ file: SafetensorsFile, _ architecture: MiniT2IArchitecture, rows: [Int]? = nil) throws {
            let (length, width) = (architecture.textLength, architecture.textWidth)
            let states = try file.tensor("states")
            guard states.shape.count == 3, Array(states.shape.dropFirst()) == [length, width],
                file.shape(of: "keep") == [states.shape[0], length],
                rows?.allSatisfy((0..<states.shape[0]).contains) ?? true
            else {
                throw PixNerdError(
                    .mismatch, "\(file.path):",
                    found: "states has the shape \(states.shape) and keep \(file.shape(of: "keep") ?? [])",
                    expected: "[B, \(length), \(width)] and [B, \(length)]")
            }
            let (keep, nothing) = (try file.integers("keep"), TextRows(ownOfModel: length))
            texts = try (rows ?? Array(0..<states.shape[0])).map { row in
                let mask = keep[row * length..<(row + 1) * length]
                let count = mask.prefix { $0 != 0 }.count
                guard mask.dropFirst(count).allSatisfy({ $0 == 0 }) else {
                    throw PixNerdError(
                        .unsupported, "\(file.path): keep", found: "has a token behind padding in row \(row)",
                        expected: "the tokens of each text first")
                }
                guard count > 0 else { return nothing }
                return TextRows(states.rows(row..<row + 1).reshaped([length, width]).rows(0..<count))
            }
            (self.nothing, path) = (nothing, file.path)
        }

        /// The condition of a batch.
        ///
        /// - Parameter dropped: for each image whether it has none.
        func condition(of images: Int, dropped: [Bool] = []) throws -> TextCondition {
            guard texts.count == images else {
                throw PixNerdError(
                    .mismatch, "\(path):", found: "there are \(texts.count) texts for \(images) images",
                    expected: "one for each")
            }
            let used = texts.enumerated().map { dropped.indices.contains($0) && dropped[$0] ? nothing : $1 }
            return TextCondition(used, nothing: nothing)
        }
    }
}
