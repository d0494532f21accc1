import PixNerdModels
import PixNerdTensors

extension Workload {
    /// A DINOv2 that extracts features of square images with the published preprocessing: one patch per 16 pixels.
    static func encoder(_ name: String, _ architecture: DINOv2Architecture, size: Int, batch: Int) -> Workload {
        let grid = size / 16
        let tokens = batch * (grid * grid + 1 + architecture.registers)
        let (width, inner, blocks) = (architecture.width, architecture.feedForwardWidth, architecture.depth)
        return Workload(
            name: name, batch: batch, modes: [.forward],
            products: [
                (tokens, 3 * width, width, blocks), (tokens, width, width, blocks), (tokens, inner, width, blocks),
                (tokens, width, inner, blocks),
            ],
            multiplyAdds: { _ in batch * architecture.multiplyAdds(rows: grid, columns: grid) },
            prepare: { _ in
                let encoder = DINOv2(architecture, seed: 0)
                let pictures = noise([batch, 3, size, size], step: -1)
                return { _ in _ = encoder.features(of: pictures, basePatch: 16) }
            })
    }
}
