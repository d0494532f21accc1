import PixNerdDiffusion
import PixNerdModels
import PixNerdTensors

extension Workload {
    /// MiniT2I-B/16, which predicts square images under a prompt and, for guidance, under no condition, as in a step of
    /// sampling: what follows from texts alone is computed before the first.
    ///
    /// - Parameter count: Number of images; each passes through the model twice.
    static func miniT2I(_ name: String, size: Int, count: Int) -> Workload {
        // The fixed workloads are valid.
        let architecture = try! MiniT2IArchitecture(preset: "B/16")
        let (batch, side) = (2 * count, size / architecture.patchSize)
        return guided(
            Workload(
                name: name, batch: batch, modes: [.forward],
                products: products(architecture, tokens: batch * side * side, rows: batch * architecture.textLength),
                multiplyAdds: { _ in
                    batch * (architecture.multiplyAdds(height: size, width: size) - architecture.textMultiplyAdds)
                },
                prepare: { _ in prepare(architecture, size: size, count: count) }), architecture, size: size)
    }

    /// - Parameters:
    ///   - tokens: Number of patches of the batch.
    ///   - rows: Number of places of its texts.
    private static func products(
        _ sizes: MiniT2IArchitecture, tokens: Int, rows: Int
    ) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
        let (width, inner, attended) = (sizes.hiddenSize, sizes.feedForwardWidth, sizes.heads * sizes.headWidth)
        func stream(_ tokens: Int, _ blocks: Int) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
            [
                (tokens, 3 * attended, width, blocks), (tokens, width, attended, blocks),
                (tokens, inner, width, 2 * blocks), (tokens, width, inner, blocks),
            ]
        }
        return stream(tokens, sizes.doubleBlocks) + stream(rows, sizes.doubleBlocks - 1)
            + [(rows, 3 * attended, width, 1)]
    }

    private static func prepare(
        _ architecture: MiniT2IArchitecture, size: Int, count: Int
    ) -> (_ step: Int) throws -> Void {
        let model = MiniT2I(architecture, seed: 0)
        let data = noise([2 * count, model.channels, size, size], step: -1)
        // As many tokens as a prompt of two lines has.
        let prompts = (1...count).map { TextRows(noise([32, architecture.textWidth], step: -2 - $0)) }
        let nothing = prompts.map { _ in TextRows(ownOfModel: architecture.textLength) }
        let condition = TextCondition(prompts + nothing, nothing: nothing + nothing)
        let memo = SamplingMemo()
        return { step in
            let times = [Float](repeating: Float(step % 10 + 1) / 12, count: 2 * count)
            memo { _ = model.velocity(data, times: times, condition: condition) }
        }
    }
}
