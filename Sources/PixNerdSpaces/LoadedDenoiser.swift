import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSupport

/// A checkpoint's model with everything needed to sample from it: its conditioner, and the autoencoder of its latents.
public struct LoadedDenoiser: Sendable {
    public let architecture: any DenoiserArchitecture
    /// The network, which gives what `prediction` says.
    public let network: any Denoiser
    public package(set) var prediction: Prediction
    public let conditioner: any Conditioner
    /// The autoencoder whose latents are diffused; nil for pixels.
    public let autoencoder: LatentAutoencoder?

    /// The channels and values of the images.
    public let format: PixelFormat

    /// The network as a denoiser that gives velocity.
    public var model: any Denoiser { network.predicting(prediction) }

    /// Downsampling factor f of the space: pixels along a side for each number that is diffused.
    public var reduction: Int { autoencoder?.model.reduction ?? 1 }

    /// Side in pixels of the images of training; nil where the model's tensors do not tell.
    public var trainedSide: Int? { architecture.trainedSide.map { $0 * reduction } }

    /// The space in which the model diffuses.
    ///
    /// - Parameter tiles: Tiles that large latents are decoded in; nil for whole images.
    public func space(tiles: DecodingTiles? = nil) -> any Space {
        if let autoencoder { autoencoder.space(tiles: tiles) } else { PixelSpace(format) }
    }
}

extension DenoiserCheckpoint {
    /// The model with these weights, and the autoencoder that decodes its images.
    ///
    /// - Parameters:
    ///   - path: Path of the autoencoder; nil for the path that the checkpoint recorded.
    ///   - allowsOther: Accepts an autoencoder with other weights or another scale than the model was trained with.
    ///   - text: The encoder of a text model's prompts, and how it is used.
    /// - Throws: `PixNerdError` if the model, the autoencoder or the text encoder cannot be read, or they do not fit each
    ///   other.
    public func load(
        _ kind: WeightKind, autoencoder path: String?, allowsOther: Bool = false,
        text: (any DenoiserArchitecture) throws -> TextEncoderUse = { _ in TextEncoderUse() }
    ) throws -> LoadedDenoiser {
        let autoencoder = try LatentAutoencoder(of: self, path: path, allowsOther: allowsOther)
        let expected = autoencoder?.identity.latentChannels
        let network = try load(kind, channels: expected)
        if let autoencoder, network.channels != autoencoder.identity.latentChannels {
            throw PixNerdError(
                .mismatch, "\(self.path)",
                found: "makes latents of \(network.channels) channels, and \(autoencoder.identity.path) has "
                    + "\(autoencoder.identity.latentChannels)",
                advice: "pass the autoencoder that it was trained with")
        }
        let format = try autoencoder?.format ?? pixelFormat ?? .rgb8
        if autoencoder == nil, network.channels != format.channelCount {
            throw PixNerdError(
                .notFound, "\(self.path)",
                found: "makes latents of \(network.channels) channels, and does not say which autoencoder decodes them",
                advice: "pass its path with \(Setting.autoencoder)")
        }
        let architecture = try architecture(kind, channels: expected)
        return LoadedDenoiser(
            architecture: architecture, network: network,
            prediction: try prediction(of: architecture),
            conditioner: try conditioner(of: architecture, text: text(architecture)),
            autoencoder: autoencoder, format: format)
    }

    /// The model with these weights in the space of another model, whose autoencoder it shares.
    ///
    /// - Throws: `PixNerdError` if the model cannot be read.
    package func load(_ kind: WeightKind, inSpaceOf other: LoadedDenoiser) throws -> LoadedDenoiser {
        let architecture = try architecture(kind, channels: other.network.channels)
        return LoadedDenoiser(
            architecture: architecture, network: try load(kind, channels: other.network.channels),
            prediction: try prediction(of: architecture),
            conditioner: try conditioner(of: architecture), autoencoder: other.autoencoder, format: other.format)
    }
}
