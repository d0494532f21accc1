import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSupport

/// An autoencoder that is loaded for diffusion in its latents.
public struct LatentAutoencoder: Sendable {
    public let model: Autoencoder
    public let identity: AutoencoderIdentity
    /// The images that it encodes.
    public let format: PixelFormat

    /// The autoencoder that a run trains with.
    ///
    /// - Parameters:
    ///   - scale: the scale that the configuration sets; nil for the scale in the autoencoder's own file.
    ///   - normalization: what is done to each channel of scaled latents; nil for nothing.
    /// - Throws: `PixNerdError` if the autoencoder cannot be read, has no scale, or has another than the configuration.
    package init(
        path: String, scale asked: LatentScale?, normalization: ChannelNormalization? = nil
    ) throws {
        let checkpoint = try AutoencoderCheckpoint(path: path)
        guard let scale = checkpoint.scale ?? asked else {
            throw PixNerdError(
                .notFound, "\(path)", found: "does not say how its latents are scaled: it has no config.json",
                advice: "add one, or set latent.scaling_factor")
        }
        if let asked, let own = checkpoint.scale, asked != own {
            let known = KnownAutoencoder.all.first { $0.scale.factor == asked.factor }
            let owner = known.map { ", that of \($0.name)" } ?? ""
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "has the scale \(own.text), and the configuration asks for \(asked.text)\(owner)",
                advice: "leave latent.scaling_factor and latent.shift_factor out")
        }
        if let normalization {
            let channels = checkpoint.architecture.latentChannels
            guard normalization.shift.count == channels, normalization.scale.count == channels else {
                throw PixNerdError(
                    .mismatch, "latent.channel_shift and latent.channel_scale",
                    found: "hold \(normalization.shift.count) and \(normalization.scale.count) numbers",
                    expected: "one for each of the \(channels) channels of \(path)")
            }
        }
        try self.init(checkpoint, scale: scale, normalization: normalization)
    }

    /// The autoencoder that decodes a checkpoint's images: the one at `path` if given, else the recorded one or that of
    /// its pipeline; nil if there is none.
    package init?(of checkpoint: DenoiserCheckpoint, path asked: String?, allowsOther: Bool) throws {
        let recorded = checkpoint.autoencoder
        let family = recorded == nil ? checkpoint.pixArtFamily : nil
        guard let path = asked ?? recorded?.path ?? checkpoint.pipelineAutoencoder else {
            guard let family else { return nil }
            throw PixNerdError(
                .notFound, "\(checkpoint.path)",
                found: "is a \(family.name), whose latents the autoencoder of \(family.autoencoder.name) decodes",
                advice: "pass its path with \(Setting.autoencoder): \(family.autoencoderSource)")
        }
        // A pixel-space run records its sizes and no autoencoder; a published file records neither.
        if recorded == nil, checkpoint.channels != nil {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)", found: "was trained in pixels, which need no autoencoder",
                advice: "leave \(Setting.autoencoder) out")
        }
        let found: AutoencoderCheckpoint
        do {
            found = try AutoencoderCheckpoint(path: path)
        } catch let error as PixNerdError where asked == nil {
            let subject = error.subject.map { $0 + " " } ?? ""
            throw PixNerdError(
                error.kind, "\(checkpoint.path)",
                found: "was trained on the latents of \(recorded?.text ?? path), which cannot be read "
                    + "(\(subject + error.found))",
                advice: "pass its path with \(Setting.autoencoder)")
        }
        // A single file does not say its scale; the model does.
        guard let scale = found.scale ?? recorded?.scale ?? family?.autoencoder.scale else {
            throw PixNerdError(
                .notFound, "\(path)", found: "does not say how its latents are scaled: it has no config.json",
                advice: "add one")
        }
        try self.init(found, scale: scale, normalization: recorded?.normalization)
        if let family, scale != family.autoencoder.scale, !allowsOther {
            let kind = found.knownName.map { "that of \($0)" } ?? "another one"
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "is a \(family.name), which takes the autoencoder of \(family.autoencoder.name) "
                    + "(\(family.autoencoder.scale.summary)), and \(path) is \(kind) (\(scale.summary))",
                advice:
                    "pass the right one with \(Setting.autoencoder) (\(family.autoencoderSource)), or allow this one "
                    + "with \(Setting.otherAutoencoder)")
        }
        if let recorded, !identity.isSame(as: recorded), !allowsOther {
            throw PixNerdError(
                .mismatch, "\(checkpoint.path)",
                found: "was trained on the latents of \(recorded.text), and \(path) is \(identity.text)",
                advice: "use the recorded one, or allow another with \(Setting.otherAutoencoder)")
        }
    }

    /// - Parameters:
    ///   - own: the scale of the autoencoder itself.
    ///   - normalization: what is done to each channel of scaled latents; nil for nothing.
    package init(
        _ checkpoint: AutoencoderCheckpoint, scale own: LatentScale, normalization: ChannelNormalization? = nil
    ) throws {
        (model, format) = try checkpoint.loadWithFormat()
        let channels = model.latentChannels
        guard normalization.map({ $0.shift.count == channels && $0.scale.count == channels }) ?? true else {
            throw PixNerdError(
                .malformed, "\(checkpoint.path)", found: "is recorded with a channel_normalization of other channels",
                expected: "\(channels) numbers each")
        }
        let scale = normalization.map(own.followed(by:)) ?? own
        // The scale may come from the metadata of a damaged checkpoint.
        guard scale.isUsable(channels: model.latentChannels) else {
            throw PixNerdError(
                .malformed, "\(checkpoint.path)", found: "is used with the latent scale \(scale.text)",
                expected: "finite numbers for each of \(model.latentChannels) channels, and a factor that is not 0")
        }
        identity = AutoencoderIdentity(checkpoint, model, scale: scale, normalization: normalization)
    }

    package var space: LatentSpace { space(tiles: nil) }

    /// The latent space of the autoencoder.
    ///
    /// - Parameter tiles: tiles that large latents are decoded in; nil for whole images.
    public func space(tiles: DecodingTiles?) -> LatentSpace {
        let codec: any LatentCodec = tiles.map { TiledAutoencoder(model, tiles: $0) } ?? model
        return LatentSpace(
            codec, format: format,
            scale: (0..<model.latentChannels).map { channel in
                let affine = identity.scale.affine(channel: channel)
                return (factor: affine.scale, offset: affine.offset)
            })
    }
}

extension LatentScale {
    /// Whether it has a factor other than zero and finite numbers for each channel.
    fileprivate func isUsable(channels: Int) -> Bool {
        guard [means, deviations].allSatisfy({ $0.map { $0.count == channels } ?? true }) else { return false }
        return (0..<channels).allSatisfy { channel in
            let (scale, offset) = affine(channel: channel)
            return scale.isFinite && scale != 0 && offset.isFinite
        }
    }
}
