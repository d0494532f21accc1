import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdModels

/// An autoencoder that was read for diffusion in its latents.
public struct LatentAutoencoder {
    public let model: Autoencoder
    public let identity: AutoencoderIdentity

    /// What a run trains in.
    ///
    /// - Parameter scale: where the file has none; nil where nobody knows one.
    /// - Throws: one sentence where the autoencoder or its scale cannot be had, or both say another.
    init(path: String, scale asked: LatentScale?) throws {
        let checkpoint = try AutoencoderCheckpoint(path: path)
        guard let scale = checkpoint.scale ?? asked else {
            throw ConfigurationError(
                "\(path) does not say what scales its latents: there is no config.json beside it; put it there, or set "
                    + "latent.scaling_factor.")
        }
        if let asked, let own = checkpoint.scale, asked != own {
            let known = KnownAutoencoder.all.first { $0.scale.factor == asked.factor }
            throw ConfigurationError(
                "The scale that is asked for is \(asked.text)\(known.map { ", that of \($0.name)," } ?? ""), but \(path) "
                    + "says \(own.text); leave latent.scaling_factor and latent.shift_factor out.")
        }
        try self.init(checkpoint, scale: scale)
    }

    /// What a checkpoint's pictures are decoded by: the recorded autoencoder, or one that is asked for; nil where there is
    /// neither.
    fileprivate init?(of checkpoint: PixNerdCheckpoint, path asked: String?, allowsOther: Bool) throws {
        let recorded = checkpoint.autoencoder
        guard let path = asked ?? recorded?.path else { return nil }
        // A run in pixels records its sizes and no autoencoder; a published file records neither.
        if recorded == nil, checkpoint.channels != nil {
            throw TrainingError(
                "\(checkpoint.path) was trained in pixels, which no autoencoder decodes; leave --vae out.")
        }
        let found: AutoencoderCheckpoint
        do {
            found = try AutoencoderCheckpoint(path: path)
        } catch let error as CheckpointError where asked == nil {
            let reason = error.description.hasSuffix(".") ? String(error.description.dropLast()) : error.description
            throw TrainingError(
                "\(checkpoint.path) was trained in the latents of \(recorded?.text ?? path), which cannot be read "
                    + "(\(reason)); name its place by --vae.")
        }
        guard let scale = found.scale ?? recorded?.scale else {
            throw TrainingError(
                "\(path) does not say what scales its latents: there is no config.json beside it; put it there.")
        }
        try self.init(found, scale: scale)
        if let recorded, !identity.isSame(as: recorded), !allowsOther {
            throw TrainingError(
                "\(checkpoint.path) was trained in the latents of \(recorded.text), and \(path) is \(identity.text); use "
                    + "its own, or allow another by --vae-override.")
        }
    }

    init(_ checkpoint: AutoencoderCheckpoint, scale: LatentScale) throws {
        model = try checkpoint.loadForColour()
        identity = AutoencoderIdentity(checkpoint, model, scale: scale)
    }

    var space: LatentSpace { space(tiles: nil) }

    /// - Parameter tiles: in which large latents are decoded; nil for whole pictures.
    public func space(tiles: DecodingTiles?) -> LatentSpace {
        let codec: any LatentCodec = tiles.map { TiledAutoencoder(model, tiles: $0) } ?? model
        return LatentSpace(
            codec,
            scale: (0..<model.latentChannels).map { channel in
                let affine = identity.scale.affine(channel: channel)
                return (factor: affine.scale, offset: affine.offset)
            })
    }
}

extension PixNerdCheckpoint {
    /// The model with these weights, and what its pictures are decoded by: nil where it makes pixels.
    ///
    /// - Parameters:
    ///   - path: of an autoencoder in another place than that which the checkpoint recorded.
    ///   - allowsOther: also where weights or scale are not those that the model was trained with.
    /// - Throws: one sentence where one of both cannot be had, or where they do not fit each other.
    public func load(
        _ kind: WeightKind, autoencoder path: String?, allowsOther: Bool
    ) throws -> (model: PixNerd, autoencoder: LatentAutoencoder?) {
        let autoencoder = try LatentAutoencoder(of: self, path: path, allowsOther: allowsOther)
        let expected = autoencoder?.identity.latentChannels
        let model = try load(kind, channels: expected)
        if let expected, model.channels != expected {
            throw TrainingError(
                "\(self.path) makes latents of \(model.channels) channels, and \(autoencoder!.identity.path) has "
                    + "\(expected); name the autoencoder that it was trained with.")
        }
        if autoencoder == nil, model.channels != PixelSpace().channels {
            throw TrainingError(
                "\(self.path) makes latents of \(model.channels) channels, and does not say by which autoencoder they "
                    + "become pictures; name it by --vae.")
        }
        return (model, autoencoder)
    }
}
