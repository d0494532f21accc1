import PixNerdModels
import PixNerdOptimization
import PixNerdSupport

extension Configuration {
    /// Texts, alignment, latents, the autoencoder, and the sampling of previews.
    static let networkKeys: [ConfigurationKey<Configuration>] = [
        // The same text encoder at another path changes nothing, and its hashes reveal another one.
        .path(
            "text.encoder", \.text.encoder,
            "directory of a text encoder, to condition on captions; empty for classes"
        ).harmless { !$0.text.isOn },
        .path(
            "text.cache", \.text.cache, "output of pixnerd encode text; empty to encode captions during training"),
        .count(
            "text.length", \.text.length, 1...SizeLimits.width, "number of tokens that captions are cut or padded to"),
        ConfigurationKey(
            "text.empty_prompt", \.text.emptyPrompt,
            "what the rows of the empty prompt attend to: sees-nothing (transformers from 4.53) or sees-padding"),

        // The same encoder at another path changes nothing, and the weights reveal another encoder.
        .path(
            "repa.encoder", \.repa.encoder, "DINOv2 file or directory to align tokens with; empty for no alignment"
        ).harmless { !$0.repa.isOn },
        .count(
            "repa.heads", \.repa.heads, 0...SizeLimits.width,
            "attention heads of the encoder; 0 for the number in its file, else width / 64"),
        .path(
            "repa.features", \.repa.features,
            "output of pixnerd encode features; empty to run the encoder during training"),
        .count(
            "repa.layer", \.repa.layer, 1...SizeLimits.blocks, "number of the block whose tokens are aligned, from 1"),
        .number(
            "repa.weight", \.repa.weight, in: nonNegative, "weight of the alignment loss, relative to velocity"),
        .count(
            "repa.projector_width", \.repa.projectorWidth, 0...SizeLimits.width,
            "width of the projector's hidden layers; 0 for the width of the tokens"),
        .count(
            "repa.base_patch", \.repa.basePatch, 0...SizeLimits.side,
            "side in pixels of the image area of one encoder patch; 0 for model.patch_size"),

        // The same autoencoder at another path changes nothing, and the weights reveal another autoencoder.
        .path(
            "latent.vae", \.latent.autoencoder,
            "autoencoder for space latent: a diffusers directory, a file, or a run of kind autoencoder"
        ).harmless { $0.space == .pixel },
        .path(
            "latent.cache", \.latent.cache, "output of pixnerd encode latents; empty to encode during training"),
        .number(
            "latent.scaling_factor", \.latent.scalingFactor, in: nonNegative,
            "scaling factor, if the autoencoder's file has none; 0 for the one in the file"),
        .number(
            "latent.shift_factor", \.latent.shiftFactor, in: -1e3...1e3, "shift that belongs to latent.scaling_factor"),
        ConfigurationKey(
            "latent.channel_shift", \.latent.channelShift,
            "means of the channels of scaled latents, which are subtracted, as pixnerd vae check prints them; empty for none",
            limits: "that is a list of numbers, one for each channel"
        ) { $0.allSatisfy(\.isFinite) },
        ConfigurationKey(
            "latent.channel_scale", \.latent.channelScale,
            "standard deviations of the channels of scaled latents, which are divided by; empty for none",
            limits: "that is a list of positive numbers, one for each channel"
        ) { $0.allSatisfy { $0.isFinite && $0 > 0 } },
        ConfigurationKey(
            "latent.check_scale", \.latent.checkScale,
            "require that scaled latents have about mean 0 and standard deviation 1"
        ).harmless(),

        .count(
            "autoencoder.latent_channels", \.autoencoder.latentChannels, 1...SizeLimits.channels,
            "channels of the latents"),
        ConfigurationKey(
            "autoencoder.block_out_channels", \.autoencoder.widths,
            "width of each level, finest first: three levels make f4, four f8",
            limits: "from 1 to \(SizeLimits.width)"
        ) { !$0.isEmpty && $0.allSatisfy { (1...SizeLimits.width).contains($0) } },
        .count(
            "autoencoder.layers_per_block", \.autoencoder.blocksPerLevel, 1...SizeLimits.blocksPerLevel,
            "residual blocks per level"),
        .count(
            "autoencoder.norm_num_groups", \.autoencoder.groups, 1...SizeLimits.width, "groups of group normalization"),
        ConfigurationKey(
            "autoencoder.mid_block_add_attention", \.autoencoder.hasAttention, "attention between encoder and decoder"),
        ConfigurationKey(
            "autoencoder.reconstruction", \.autoencoder.reconstruction, "reconstruction loss: l1 or l2"),
        .number(
            "autoencoder.kl_weight", \.autoencoder.divergenceWeight, in: nonNegative,
            "weight of the KL divergence, which is divided by the number of values per image"),
        .path(
            "autoencoder.perceptual", \.autoencoder.perceptual,
            "VGG file (with LPIPS weights, if any) for a perceptual loss; empty for none"
        ).harmless { $0.kind == .denoiser },
        .number(
            "autoencoder.perceptual_weight", \.autoencoder.perceptualWeight, in: nonNegative,
            "weight of the perceptual loss"),

        .count("sampling.steps", \.sampling.steps, 1...SizeLimits.samplingSteps, "sampling steps of previews")
            .harmless(),
        .automatic(
            "sampling.guidance", \.sampling.guidance, in: nonNegative,
            "guidance scale of previews; 1 for none, auto for 3.5, or 1 if there is one class"
        ).harmless(),
        .number("sampling.guidance_lower", \.sampling.guidanceLower, in: 0...1, "time from which guidance is applied")
            .harmless(),
        .number("sampling.guidance_upper", \.sampling.guidanceUpper, in: 0...1, "time up to which guidance is applied")
            .harmless(),
        .number("sampling.shift", \.sampling.shift, in: 1e-3...1e3, "timestep shift of previews").harmless(),
        .path(
            "sampling.prompts", \.sampling.prompts,
            "file with the prompts of previews, one in each line; empty for captions of the data"
        ).harmless(),
        .count(
            "sampling.classes", \.sampling.classes, 1...SizeLimits.classes, "number of classes or prompts in a preview"
        ).harmless(),
        .count(
            "sampling.per_class", \.sampling.perClass, 1...SizeLimits.images, "images per class or prompt in a preview"
        )
        .harmless(),
    ]
}
