import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdTensors

extension Workload {
    /// An AutoencoderKL with four channels of latents, on square images.
    static func autoencoder(
        _ name: String, levelWidths: [Int], size: Int, batch: Int, modes: [BenchmarkMode]
    ) -> Workload {
        // The fixed workloads are valid.
        let architecture = try! AutoencoderArchitecture(levelWidths: levelWidths)
        return Workload(
            name: name, batch: batch, modes: modes, products: products(architecture, size: size, batch: batch),
            multiplyAdds: { mode in
                let encoding = architecture.encodingMultiplyAdds(height: size, width: size)
                let decoding = architecture.decodingMultiplyAdds(height: size, width: size)
                switch mode {
                case .encode: return batch * encoding
                case .decode: return batch * decoding
                case .forward: return batch * (encoding + decoding)
                case .train: return 3 * batch * (encoding + decoding)
                }
            },
            prepare: { prepare(architecture, size: size, batch: batch, mode: $0) })
    }

    /// The im2col matmul of a 3 x 3 convolution at each level.
    private static func products(
        _ architecture: AutoencoderArchitecture, size: Int, batch: Int
    ) -> [(rows: Int, columns: Int, inner: Int, count: Int)] {
        architecture.levelWidths.enumerated().map { level, width in
            // More rows would only take more memory.
            (min(batch * (size >> level) * (size >> level), 8192), width, 9 * width, 1)
        }
    }

    private static func prepare(
        _ architecture: AutoencoderArchitecture, size: Int, batch: Int, mode: BenchmarkMode
    ) -> (_ step: Int) throws -> Void {
        let model = Autoencoder(architecture, seed: 0)
        let side = size / architecture.reduction
        let latentShape = [batch, architecture.latentChannels, side, side]
        let pictures = noise([batch, architecture.channels, size, size], step: -1)
        switch mode {
        case .encode, .forward: return { _ in _ = model.moments(pictures) }
        case .decode:
            let latents = noise(latentShape, step: -2)
            return { _ in _ = model.decode(latents) }
        case .train:
            let optimizer = AdamW(model.parameters, settings: AdamW.Settings())
            let loss = AutoencoderLoss()
            return { step in
                for parameter in model.parameters { parameter.clearGradient() }
                withGradient { loss(model, pictures, noise: noise(latentShape, step: step)).loss }
                optimizer.update()
            }
        }
    }
}
