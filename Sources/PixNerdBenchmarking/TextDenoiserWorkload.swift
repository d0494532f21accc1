import PixNerdDiffusion
import PixNerdModels
import PixNerdTensors

extension Workload {
    /// The published text-to-image PixNerd, which predicts the velocity of square images under a prompt and, for
    /// guidance, under the empty one.
    ///
    /// - Parameter count: Number of images; each passes through the model twice.
    static func textDenoiser(_ name: String, size: Int, count: Int) -> Workload {
        var options = DenoiserOptions()
        options.preset = "XXL/16"
        options.applyPreset()
        (options.textWidth, options.textLength) = (2048, 128)
        // The fixed workloads are valid.
        let architecture = try! KnownDenoisers.architecture(options, channels: 3)
        let (batch, side, sizes) = (2 * count, size / options.patchSize, options)
        return guided(
            Workload(
                name: name, batch: batch, modes: [.forward],
                products: products(sizes, tokens: batch * side * side, rows: batch * sizes.textLength),
                multiplyAdds: { _ in batch * architecture.multiplyAdds(height: size, width: size) },
                prepare: { _ in prepare(architecture, sizes, size: size, count: count) }), architecture, size: size)
    }

    /// A workload of a text model with the memory that it takes, which runs only if it is asked for by its name.
    ///
    /// - Parameter size: Side of the images.
    static func guided(_ work: Workload, _ architecture: any TrainableArchitecture, size: Int) -> Workload {
        var work = work
        let batch = work.batch
        work.bytes = { precision in
            // In bf16 the float32 weights, and their rounded or packed copies.
            architecture.parameterCount * (precision == .bf16 ? 6 : 4)
                + architecture.activationBytes(
                    batch: batch, height: size, width: size, recompute: true, precision: precision)
        }
        work.runsOnlyAlone = true
        return work
    }

    /// - Parameters:
    ///   - tokens: Number of patches of the batch.
    ///   - rows: Number of rows of its texts.
    private static func products(
        _ options: DenoiserOptions, tokens: Int, rows: Int
    ) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
        let (width, inner) = (options.hiddenSize, 4 * options.hiddenSize)
        let generated = 2 * options.fieldWidth * options.fieldWidth * options.fieldRatio
        func blocks(_ tokens: Int, _ count: Int) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
            [
                (tokens, 3 * width, width, count), (tokens, width, width, count), (tokens, 2 * inner, width, count),
                (tokens, width, inner, count),
            ]
        }
        let fields = options.blocks - options.conditionedBlocks
        return blocks(tokens, options.conditionedBlocks) + [(rows, 2 * width, width, options.conditionedBlocks)]
            + blocks(rows, options.textBlocks) + [(tokens, generated, width, fields)]
    }

    private static func prepare(
        _ architecture: any TrainableArchitecture, _ options: DenoiserOptions, size: Int, count: Int
    ) -> (_ step: Int) throws -> Void {
        let model = architecture.makeModel(seed: 0, recomputesBlocks: false)
        let data = noise([2 * count, model.channels, size, size], step: -1)
        func text(_ number: Int) -> TextRows {
            TextRows(noise([options.textLength, options.textWidth], step: -2 - number))
        }
        let (nothing, prompts) = (text(0), (1...count).map(text))
        let condition = TextCondition(prompts + prompts.map { _ in nothing }, nothing: nothing)
        return { step in
            // A sampling step has one time for all images.
            let times = [Float](repeating: Float(step % 10 + 1) / 12, count: 2 * count)
            _ = model.velocity(data, times: times, condition: condition)
        }
    }
}
