import PixNerdModels
import PixNerdOptimization

extension Configuration {
    private static let nonNegative: ClosedRange<Float> = 0...Float.greatestFiniteMagnitude

    /// Every key, in the order in which a configuration is written.
    public static let keys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "name", \.name, "name of the run; its directory is directory/name",
            limits: "without slashes, not empty and not beginning with a dot"
        ) { !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") }.harmless(),
        ConfigurationKey("directory", \.directory, "where run directories are made").harmless(),
        ConfigurationKey("seed", \.seed, "decides weights, noise, times and the order of pictures"),
        .count("threads", \.threads, from: 0, "threads for the products; 0 for all processors"),
        ConfigurationKey(
            "precision", \.precision,
            "of large products but convolutions: fp32, or bf16, which wants oneDNN, for twice the speed"
        ),
        ConfigurationKey("kind", \.kind, "what is trained: denoiser, or autoencoder for the latents of later runs"),
        ConfigurationKey("space", \.space, "what is diffused: pixel, or latent (see latent.vae)"),

        ConfigurationKey(
            "model.preset", \.model.preset, "B/16, L/16 or XL/16; other model keys then change single sizes",
            limits:
                "that names a preset (\(DenoiserOptions.presets.keys.sorted().joined(separator: ", "))), or empty"
        ) { $0.isEmpty || DenoiserOptions.presets[$0] != nil },
        .count("model.hidden_size", \.model.hiddenSize, from: 4, "width of the tokens"),
        .count("model.num_groups", \.model.heads, from: 1, "attention heads"),
        .count(
            "model.num_blocks", \.model.blocks, from: 2,
            "transformer and field blocks together; a linear head has none of the latter"),
        .count("model.num_cond_blocks", \.model.conditionedBlocks, from: 1, "transformer blocks among them"),
        .count("model.patch_size", \.model.patchSize, from: 1, "side of a patch in pixels"),
        ConfigurationKey(
            "model.head", \.model.head, "what tokens become: field (a small MLP for each patch) or linear (the patch)"),
        .count("model.hidden_size_x", \.model.fieldWidth, from: 1, "width of the field"),
        .count("model.nerf_mlpratio", \.model.fieldRatio, from: 1, "inner width of the field over its width"),
        .count("model.num_classes", \.model.classes, from: 0, "0 for as many as the folder has"),

        ConfigurationKey(
            "data.root", \.data.root, "folder with a folder of pictures for each class, or shards-{000..099}.tar"),
        .count("data.image_size", \.data.imageSize, from: 1, "side that pictures are cropped and scaled to"),
        .count("data.workers", \.data.workers, from: 1, "threads that decode pictures ahead").harmless(),
        .count(
            "data.prefetch_batches", \.data.prefetchBatches, from: 1, "batches kept ready at most"
        ).harmless(),
        .count(
            "data.prefetch_megabytes", \.data.prefetchMegabytes, from: 1, "memory for the batches kept ready"
        ).harmless(),
        ConfigurationKey(
            "data.crop", \.data.crop, "center (ADM's), random (ADM's), or resized (torchvision's RandomResizedCrop)"),
        ConfigurationKey("data.flip", \.data.flip, "mirror half of the pictures"),
        ConfigurationKey(
            "data.fast_decode", \.data.fastDecode, "scale JPEGs down while decoding: faster, but other pixels"),

        .count(
            "training.steps", \.training.steps, from: 1, "optimiser steps in all"
        ).harmless { $0.training.schedule == .cosine },
        .count("training.batch_size", \.training.batchSize, from: 1, "pictures a step"),
        .count("training.accumulate", \.training.accumulate, from: 1, "passes that a batch is split into, for memory"),
        .number("training.learning_rate", \.training.learningRate, in: nonNegative, "of AdamW"),
        .count("training.warmup_steps", \.training.warmupSteps, from: 0, "steps over which the learning rate rises"),
        ConfigurationKey("training.schedule", \.training.schedule, "of the learning rate: constant or cosine"),
        .number("training.beta1", \.training.beta1, in: 0...0.999999, "decay of AdamW's first moment"),
        .number("training.beta2", \.training.beta2, in: 0...0.999999, "decay of AdamW's second moment"),
        .number("training.epsilon", \.training.epsilon, in: 1e-20...1, "of AdamW"),
        .number("training.weight_decay", \.training.weightDecay, in: nonNegative, "of AdamW, decoupled"),
        .number(
            "training.gradient_clip", \.training.gradientClip, in: nonNegative,
            "largest global norm of the gradients; 0 for no clipping"),
        ConfigurationKey(
            "training.ema_decay", \.training.emaDecay,
            "of the moving average of the weights; a list keeps several, the first is sampled from",
            limits: "from 0 to 1, each another one"
        ) { !$0.isEmpty && Set($0).count == $0.count && $0.allSatisfy { (0...1).contains($0) } },
        ConfigurationKey(
            "training.ema_warmup", \.training.emaWarmup,
            "let the average follow faster at first: min(decay, (1+n)/(10+n))"),
        .number(
            "training.label_dropout", \.training.labelDropout, in: 0...1, "share of pictures trained without class"),
        ConfigurationKey(
            "training.time_sampling", \.training.timeSampling, "distribution of the times: uniform or lognormal"),
        .number("training.time_shift", \.training.timeShift, in: 1e-3...1e3, "t becomes t / (t + (1 - t) shift)"),
        ConfigurationKey(
            "training.field_sizes", \.training.fieldSizes,
            "other sides at which patches are decoded in training, such as [24, 48, 64]: for sample --route field",
            limits: "from 1 on, or none"
        ) { $0.allSatisfy { $0 >= 1 } },
        ConfigurationKey(
            "training.recompute", \.training.recompute,
            "keep only the inputs of blocks and compute the rest again: less memory, a quarter more time"),
        ConfigurationKey(
            "training.shard_optimizer", \.training.sharesOptimizer,
            "under mpirun: each process keeps and updates a share of AdamW's state and of the averages"
        ).harmless(),
        .number(
            "training.skip_outliers", \.training.skipOutliers, in: nonNegative,
            "skip steps whose gradient norm is so many deviations above the last ones'; 0 for none"),
        .count(
            "training.log_every", \.training.logEvery, from: 1, "steps between lines of metrics.jsonl"
        ).harmless(),
        .count(
            "training.save_every", \.training.saveEvery, from: 1, "steps between checkpoints"
        ).harmless(),
        .count(
            "training.keep_last", \.training.keepLast, from: 0, "checkpoints that are kept; 0 for all"
        ).harmless(),
        .count(
            "training.keep_every", \.training.keepEvery, from: 0,
            "besides, keep those of every so many steps; 0 for none"
        ).harmless(),
        ConfigurationKey(
            "training.on_save_failure", \.training.onSaveFailure, "what a full disk does to the run: stop or continue"
        ).harmless(),
        .count(
            "training.preview_every", \.training.previewEvery, from: 0, "steps between previews; 0 for none"
        ).harmless(),

        // Another place of the same encoder changes nothing, and another encoder is refused by its weights.
        ConfigurationKey(
            "repa.encoder", \.repa.encoder, "a DINOv2 file or directory to align tokens with; empty for no alignment"
        ).harmless { !$0.repa.isOn },
        .count(
            "repa.heads", \.repa.heads, from: 0, "the encoder's attention heads; 0 where its file says or width / 64"),
        ConfigurationKey(
            "repa.features", \.repa.features, "features that pixnerd encode features made; empty to run the encoder"),
        .count("repa.layer", \.repa.layer, from: 1, "block whose tokens are aligned, counted from 1"),
        .number("repa.weight", \.repa.weight, in: nonNegative, "of the alignment beside the velocity in the loss"),
        .count(
            "repa.projector_width", \.repa.projectorWidth, from: 0,
            "of the projector's inner layers; 0 for that of the tokens"),
        .count(
            "repa.base_patch", \.repa.basePatch, from: 0,
            "side in pixels of what becomes a patch of the encoder; 0 for model.patch_size"),

        // Another place of the same autoencoder changes nothing, and another one is refused by its weights.
        ConfigurationKey(
            "latent.vae", \.latent.autoencoder,
            "autoencoder of space: latent: diffusers' directory, a file, or a run of kind autoencoder"
        ).harmless { $0.space == .pixel },
        ConfigurationKey(
            "latent.cache", \.latent.cache, "latents that pixnerd encode latents made; empty to encode in the step"),
        .number(
            "latent.scaling_factor", \.latent.scalingFactor, in: nonNegative,
            "of an autoencoder whose file does not say it; 0 where it does"),
        .number(
            "latent.shift_factor", \.latent.shiftFactor, in: -1e3...1e3, "likewise, beside latent.scaling_factor"),
        ConfigurationKey(
            "latent.check_scale", \.latent.checkScale,
            "begin only where scaled latents of the pictures are near mean 0 and deviation 1"
        ).harmless(),

        .count("autoencoder.latent_channels", \.autoencoder.latentChannels, from: 1, "channels of the latents"),
        ConfigurationKey(
            "autoencoder.block_out_channels", \.autoencoder.widths,
            "width of each level, the finest first: three levels make f4, four f8", limits: "from 1 on"
        ) { !$0.isEmpty && $0.allSatisfy { $0 >= 1 } },
        .count("autoencoder.layers_per_block", \.autoencoder.blocksPerLevel, from: 1, "residual blocks of a level"),
        .count("autoencoder.norm_num_groups", \.autoencoder.groups, from: 1, "groups of the norms"),
        ConfigurationKey(
            "autoencoder.mid_block_add_attention", \.autoencoder.hasAttention, "attention between encoder and decoder"),
        ConfigurationKey(
            "autoencoder.reconstruction", \.autoencoder.reconstruction, "what pictures are compared by: l1 or l2"),
        .number(
            "autoencoder.kl_weight", \.autoencoder.divergenceWeight, in: nonNegative,
            "of the divergence from the standard normal, a picture's over its numbers"),
        ConfigurationKey(
            "autoencoder.perceptual", \.autoencoder.perceptual,
            "a file of VGG features (and LPIPS weights) whose distance is added; empty for none"
        ).harmless { $0.kind == .denoiser },
        .number(
            "autoencoder.perceptual_weight", \.autoencoder.perceptualWeight, in: nonNegative, "of that distance"),

        .count("sampling.steps", \.sampling.steps, from: 1, "steps of a preview's sampler").harmless(),
        .number("sampling.guidance", \.sampling.guidance, in: nonNegative, "guidance of previews; 1 for none")
            .harmless(),
        .number("sampling.guidance_lower", \.sampling.guidanceLower, in: 0...1, "guidance acts above this time")
            .harmless(),
        .number("sampling.guidance_upper", \.sampling.guidanceUpper, in: 0...1, "guidance acts below this time")
            .harmless(),
        .number("sampling.shift", \.sampling.shift, in: 1e-3...1e3, "shift of the sampler's times").harmless(),
        .count("sampling.classes", \.sampling.classes, from: 1, "classes in a preview").harmless(),
        .count("sampling.per_class", \.sampling.perClass, from: 1, "pictures of each class in a preview").harmless(),
    ]

    /// The first key with another value than its default that only a denoiser has, for an autoencoder.
    var firstDenoiserKeyInUse: String? {
        let sections = ["model.", "repa.", "latent."]
        let names = ["precision", "space", "training.field_sizes", "training.recompute"]
        return differences(from: Configuration()).map(\.key.name).first { name in
            names.contains(name) || sections.contains(where: name.hasPrefix)
        }
    }

    /// The first key of a section with another value than its default.
    func firstKeyInUse(of section: String) -> String? {
        differences(from: Configuration()).map(\.key.name).first { $0.hasPrefix("\(section).") }
    }
}
