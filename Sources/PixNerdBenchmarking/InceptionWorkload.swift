import PixNerdModels
import PixNerdTensors

extension Workload {
    /// Inception-v3 features for FID, starting from 8-bit images.
    static func inception(_ name: String, size: Int, batch: Int) -> Workload {
        Workload(
            name: name, batch: batch, modes: [.forward],
            products: [
                // The im2col matmul of each kind of convolution, with counts in proportion to its share of the work.
                (8192, 192, 720, 20), (289 * batch, 192, 768, 19), (8192, 64, 288, 113), (1225 * 8, 96, 864, 33),
                (289 * batch, 192, 1344, 10), (289 * batch, 160, 1120, 13), (64 * batch, 384, 1152, 17),
            ],
            multiplyAdds: { _ in batch * Inception(seed: 0).multiplyAdds },
            prepare: { _ in
                var stream = RandomStream(seed: 1, purpose: .noise)
                let pixels = (0..<batch * size * size * 3).map { _ in UInt8(stream.nextInteger(below: 256)) }
                let network = Inception(seed: 0)
                let input = InceptionInput.torchFidelity
                return { _ in
                    _ = network(input.tensor(pixels: pixels, count: batch, height: size, width: size))
                }
            })
    }
}
