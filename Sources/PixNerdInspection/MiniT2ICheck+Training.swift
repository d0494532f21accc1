import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

extension MiniT2ICheck {
    /// Compares losses, the first gradients, and what two steps of AdamW make of the weights.
    func training(_ model: MiniT2I) throws -> [Comparison] {
        let (picture, noise) = (try pictures("picture", model), try pictures("noise", model))
        let (times, dropped) = (try reference.tensor("t").values, try reference.integers("dropped"))
        guard noise.shape == picture.shape, times.count == picture.shape[0], dropped.count == times.count else {
            throw PixNerdError(
                .mismatch, "\(reference.path):",
                found: "picture has the shape \(picture.shape), noise \(noise.shape), and there are \(times.count) "
                    + "times and \(dropped.count) values of dropped",
                expected: "equal shapes, and one of each per image")
        }
        let published = model.architecture.publishedPrediction
        let condition = try Texts(reference, model.architecture)
            .condition(of: times.count, dropped: dropped.map { $0 != 0 })
        let batch = TrainingBatch(
            data: picture, noise: scaled(noise, by: published.noiseScale), times: times, condition: condition)
        func objective(_ floor: Float) -> TrainingObjective {
            var prediction = published
            prediction.floor = floor
            return TrainingObjective(prediction: prediction)
        }
        func loss(_ name: String, _ floor: Float) throws -> Comparison {
            try comparison(name, objective(floor).loss(model, batch).mean.values, tolerance)
        }
        let prefix = "loss.floor_"
        var results = try reference.names.filter { $0.hasPrefix(prefix) }.sorted().map { name in
            guard let floor = Float(name.dropFirst(prefix.count)), floor > 0 else {
                throw PixNerdError(
                    .malformed, "\(reference.path):", found: "holds \(name)", expected: "\(prefix) and a number above 0"
                )
            }
            return try loss(name, floor)
        }
        guard reference.names.contains(where: { $0.hasPrefix("gradient.") || $0.hasPrefix("after.") }) else {
            return results
        }
        func number(_ key: String, _ usual: Float) throws -> Float {
            guard let text = reference.metadata[key] else { return usual }
            guard let number = Float(text), number.isFinite else {
                throw PixNerdError(
                    .malformed, "\(reference.path): metadata \(key)", found: "is '\(text)'", expected: "a number")
            }
            return number
        }
        let floor = try number("floor", 0.01)
        let settings = AdamW.Settings(
            learningRate: try number("learning_rate", 1e-3), beta1: try number("beta1", 0.9),
            beta2: try number("beta2", 0.95), weightDecay: try number("weight_decay", 0))
        let step = FlowMatchingStep(
            model: model, objective: objective(floor), optimizer: AdamW(model.parameters, settings: settings))
        _ = try step([batch])
        results += try compare("gradient.", model.parameters) { $0.gradient ?? Tensor(zeros: $0.value.shape) }
        _ = try step([batch])
        results += try compare("after.", model.parameters) { $0.value }
        if reference.shape(of: "loss.after") != nil { results.append(try loss("loss.after", floor)) }
        return results
    }

    /// Compares the parameters that the reference holds under a prefix.
    private func compare(
        _ prefix: String, _ parameters: [Parameter], _ value: (Parameter) -> Tensor
    ) throws -> [Comparison] {
        let known = Set(parameters.map { prefix + $0.name })
        if let stranger = reference.names.first(where: { $0.hasPrefix(prefix) && !known.contains($0) }) {
            throw PixNerdError(
                .mismatch, "\(reference.path)", found: "holds \(stranger), which the checkpoint's model does not have")
        }
        return try parameters.filter { known.contains(prefix + $0.name) }.compactMap { parameter in
            let name = prefix + parameter.name
            guard reference.shape(of: name) != nil else { return nil }
            return try comparison(name, value(parameter).values, prefix == "after." ? runTolerance : tolerance)
        }
    }
}

/// How the runs of a reference were sampled, and where their texts are.
struct SampledRuns {
    struct Run: Decodable {
        let steps: Int
        let guidance: Float
        let interval: [Float]
        let floor: Float

        var isValid: Bool {
            (1...SizeLimits.samplingSteps).contains(steps) && guidance.isFinite && floor > 0 && interval.count == 2
                && interval[0] <= interval[1]
        }
    }

    let runs: [Run]
    /// The file with the texts; nil for the reference itself.
    let texts: SafetensorsFile?
    /// The places of the texts in that file; nil for all.
    let rows: [Int]?

    private struct About: Decodable {
        struct Samples: Decodable {
            let prompts: [Int]
            let runs: [Run]
        }
        let samples: Samples
    }

    init(_ reference: SafetensorsFile) throws {
        let directory = reference.path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
        func beside(_ name: String) -> String { (directory + [name[...]]).joined(separator: "/") }
        if let text = reference.metadata["runs"] {
            (runs, texts, rows) = (JSON.value([Run].self, from: text) ?? [], nil, nil)
        } else if let json = try? MappedFile(path: beside("about.json")),
            let about = JSON.value(About.self, from: String(decoding: json.bytes, as: UTF8.self))
        {
            (runs, rows) = (about.samples.runs, about.samples.prompts)
            texts = try SafetensorsFile(path: beside("text.safetensors"))
        } else {
            (runs, texts, rows) = ([], nil, nil)
        }
        guard !runs.isEmpty, runs.allSatisfy(\.isValid) else {
            throw PixNerdError(
                .malformed, "\(reference.path)", found: "does not say how its samples were made",
                expected: "its metadata runs as a JSON list of steps, guidance, interval and floor")
        }
    }
}
