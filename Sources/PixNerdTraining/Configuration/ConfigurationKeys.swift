import PixNerdImages
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport

extension Configuration {
    static let nonNegative: ClosedRange<Float> = 0...Float.greatestFiniteMagnitude

    /// All keys, in the order in which a configuration is written.
    public static let keys =
        runKeys + dataKeys + trainingKeys + measureKeys + trainedPartKeys + objectiveKeys + fewPicturesKeys
        + networkKeys
        + videoKeys

    /// The run and its model.
    private static let runKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "name", \.name, "name of the run; its directory is directory/name",
            limits: "without slashes, not empty and not beginning with a dot"
        ) { !$0.isEmpty && !$0.contains("/") && !$0.hasPrefix(".") }.harmless(),
        .path(
            "directory", \.directory, "directory for run directories; . for the current one",
            limits: "that is not empty"
        ) { !$0.isEmpty }.harmless(),
        ConfigurationKey("seed", \.seed, "seed of weights, noise, times and the order of images"),
        .count("threads", \.threads, 0...SizeLimits.threads, "number of threads; 0 for all processors"),
        ConfigurationKey(
            "precision", \.precision,
            "precision of matmuls except convolutions: fp32, or bf16 (2x faster and more; needs AVX-512 BF16)"
        ),
        ConfigurationKey(
            "kind", \.kind,
            "model to train: denoiser, autoencoder for the latents of later runs, or video-autoencoder of films, over the images' "
                + "autoencoder in latent.vae"),
        ConfigurationKey("space", \.space, "space of diffusion: pixel or latent (see latent.vae)"),
        .path(
            "from", \.from,
            "run, step in one (RUN@STEP) or file whose weights a new run begins with; a model that reads captions by "
                + "cross-attention can begin as one of classes; empty for fresh weights"
        ).harmless(),

        ConfigurationKey(
            Configuration.modelSourceKey, \.modelSource,
            "pixnerd; minit2i, with the sizes of this section; or from, the model of `from` as it is, such as a PixArt"),
        ConfigurationKey(
            "model.preset", \.model.preset,
            "B/16, L/16, XL/16, or XXL/16 of the text model; other model keys override single sizes of it",
            limits:
                "that names a preset (\(DenoiserOptions.presets.keys.sorted().joined(separator: ", "))), or empty"
        ) { $0.isEmpty || DenoiserOptions.presets[$0] != nil },
        .count("model.hidden_size", \.model.hiddenSize, 4...SizeLimits.width, "width of the tokens"),
        .count("model.num_groups", \.model.heads, 1...SizeLimits.width, "attention heads"),
        .count(
            "model.num_blocks", \.model.blocks, 2...SizeLimits.blocks,
            "transformer and field blocks together; a linear head has no field blocks"),
        .count(
            "model.num_cond_blocks", \.model.conditionedBlocks, 1...SizeLimits.blocks,
            "number of transformer blocks among them"),
        .count("model.patch_size", \.model.patchSize, 1...SizeLimits.patch, "side of a patch in pixels"),
        ConfigurationKey(
            "model.head", \.model.head, "head that decodes tokens: field (a small MLP per patch) or linear"),
        .count("model.hidden_size_x", \.model.fieldWidth, 1...SizeLimits.fieldWidth, "width of the field"),
        .count(
            "model.nerf_mlpratio", \.model.fieldRatio, 1...SizeLimits.ratio,
            "ratio of the hidden width of the field to its width"),
        ConfigurationKey(
            "model.field_positions", \.model.fieldPositions,
            "positions that the field reads: corners (published), or centers (of pixels; smooth at every density)"),
        ConfigurationKey(
            "model.field_neighbors", \.model.fieldNeighbors,
            "let the field read the eight pixels around each one, also across the border of its patch"),
        .count(
            "model.field_overlap", \.model.fieldOverlap, 0...SizeLimits.patch / 2,
            "pixels around a patch that its field decodes, too; there, neighbouring fields are blended"),
        ConfigurationKey(
            "model.told_density", \.model.isToldDensity,
            "tell the model how finely its fields are decoded, and show its transformer averages of finer pixels"),
        ConfigurationKey(
            "model.conditioning", \.model.conditioning,
            "how tokens and captions meet: joint_attention (as PixNerd for text) or cross_attention (as PixArt)"),
        ConfigurationKey(
            "model.modulation", \.model.modulation,
            "with cross_attention: per_block (a layer over time for each block) or single (one layer for all, and a table "
                + "each)"),
        .count(
            "model.num_text_blocks", \.model.textBlocks, 0...SizeLimits.blocks,
            "transformer blocks over the rows of a text, in a model of captions (see text.encoder)"),
        .number(
            "model.dropout", \.model.dropout, in: 0...0.9,
            "dropout in the middle half of the transformer blocks, in training only"),
        .count(
            "model.num_classes", \.model.classes, 0...SizeLimits.classes,
            "number of classes; 0 for the number in the data"),
    ]

    /// How a run is trained.
    private static let trainingKeys: [ConfigurationKey<Configuration>] = [
        .count(
            "training.steps", \.training.steps, 1...SizeLimits.trainingSteps, "total number of optimizer steps"
        ).harmless { $0.training.schedule == .cosine || $0.fewSteps.method == .split },
        .count("training.batch_size", \.training.batchSize, 1...SizeLimits.batch, "images per step"),
        .count(
            "training.accumulate", \.training.accumulate, 1...SizeLimits.batch,
            "number of passes that a batch is split into, to save memory"),
        ConfigurationKey(
            "training.optimizer", \.training.optimizer,
            "adamw, or muon for the matrices of transformer blocks and AdamW for the rest"),
        .number("training.learning_rate", \.training.learningRate, in: nonNegative, "learning rate of AdamW and Muon"),
        .count(
            "training.warmup_steps", \.training.warmupSteps, 0...SizeLimits.trainingSteps,
            "steps of linear learning rate warmup"),
        ConfigurationKey("training.schedule", \.training.schedule, "learning rate schedule: constant or cosine"),
        .number("training.beta1", \.training.beta1, in: 0...0.999999, "decay of AdamW's first moment"),
        .number("training.beta2", \.training.beta2, in: 0...0.999999, "decay of AdamW's second moment"),
        .number("training.epsilon", \.training.epsilon, in: 1e-20...1, "epsilon of AdamW"),
        .number("training.weight_decay", \.training.weightDecay, in: nonNegative, "decoupled weight decay"),
        .number(
            "training.muon_momentum", \.training.muonMomentum, in: 0...0.999999, "decay of Muon's momentum"),
        .number(
            "training.gradient_clip", \.training.gradientClip, in: nonNegative,
            "largest global norm of the gradients; 0 for no clipping"),
        ConfigurationKey(
            "training.ema_decay", \.training.emaDecay,
            "decay of the EMA of the weights; a list keeps several EMAs, the first is used for sampling",
            limits: "from 0 to 1, without duplicates, at most 100"
        ) { (1...100).contains($0.count) && Set($0).count == $0.count && $0.allSatisfy { (0...1).contains($0) } },
        ConfigurationKey(
            "training.ema_warmup", \.training.emaWarmup,
            "raise the decay of the EMA during the first n steps: min(decay, (1+n)/(10+n))"),
        ConfigurationKey(
            "training.ema_lengths", \.training.emaLengths,
            "lengths of averages to keep for pixnerd average and tune, such as [0.05, 0.10]; each takes the memory of "
                + "an EMA, and its disk space at each save",
            limits: "from \(PowerProfile.lengths.lowerBound) to \(PowerProfile.lengths.upperBound), without "
                + "duplicates, at most 20, or an empty list"
        ) { lengths in
            lengths.count <= 20 && Set(lengths).count == lengths.count
                && lengths.allSatisfy(PowerProfile.lengths.contains)
        }.harmless { !$0.training.emaLengths.isEmpty },
        .automatic(
            "training.label_dropout", \.training.labelDropout, in: 0...1,
            "fraction of images trained without a class, values or text; auto for 0.1, or 0 if there is one class and no values"
        ),
        ConfigurationKey(
            "training.time_sampling", \.training.timeSampling, "distribution of the times: uniform or lognormal"),
        .number("training.time_shift", \.training.timeShift, in: 1e-3...1e3, "t becomes t / (t + (1 - t) shift)"),
        ConfigurationKey(
            "training.field_sizes", \.training.fieldSizes,
            "other image sides at which patches are decoded in training, such as [24, 48, 64]",
            limits: "from 1 to \(SizeLimits.side), at most 100, or an empty list"
        ) { $0.count <= 100 && $0.allSatisfy { (1...SizeLimits.side).contains($0) } },
        ConfigurationKey(
            "training.recompute", \.training.recompute,
            "keep only the inputs of blocks and recompute the rest: less memory, about 25 % more time"),
        ConfigurationKey(
            "training.shard_optimizer", \.training.sharesOptimizer,
            "under mpirun: each process keeps and updates only a share of AdamW's moments and of the EMAs"
        ).harmless(),
        .number(
            "training.skip_outliers", \.training.skipOutliers, in: nonNegative,
            "skip steps whose gradient norm is this many standard deviations above recent ones; 0 to skip none"),
        .count(
            "training.log_every", \.training.logEvery, 1...SizeLimits.trainingSteps,
            "steps between lines of metrics.jsonl"
        ).harmless(),
        .count(
            "training.save_every", \.training.saveEvery, 1...SizeLimits.trainingSteps, "steps between checkpoints"
        ).harmless(),
        .count(
            "training.keep_last", \.training.keepLast, 0...SizeLimits.trainingSteps,
            "number of latest checkpoints to keep; 0 for all"
        ).harmless(),
        .count(
            "training.keep_every", \.training.keepEvery, 0...SizeLimits.trainingSteps,
            "interval in steps of checkpoints to keep besides; 0 for none"
        ).harmless(),
        ConfigurationKey(
            "training.on_save_failure", \.training.onSaveFailure,
            "reaction to a failed write, as on a full disk: stop or continue"
        ).harmless(),
        .count(
            "training.preview_every", \.training.previewEvery, 0...SizeLimits.trainingSteps,
            "steps between previews; 0 for none"
        ).harmless(),
    ]

    /// The first key of denoisers whose value is not the default, to refuse it for an autoencoder.
    var firstDenoiserKeyInUse: String? {
        differences(from: Configuration()).map(\.key.name).first(where: isOfDenoisers)
    }

    /// Whether only denoisers use a key.
    func isOfDenoisers(_ name: String) -> Bool {
        let sections = ["model.", "text.", "repa.", "latent."]
        let names =
            [
                "precision", "space", "training.ema_lengths", "training.field_sizes", "training.recompute",
                "training.optimizer", "training.muon_momentum", "training.distance_every", "training.distance_images",
                "training.distance_weights", "data.labels", "data.label_key", "data.values",
            ] + (Self.trainedPartKeys + Self.objectiveKeys + Self.fewPicturesKeys).map(\.name)
        return names.contains(name) || sections.contains(where: name.hasPrefix)
    }

    /// The first key of captions whose value is not the default, to refuse it for a model of classes.
    var firstCaptionKeyInUse: String? {
        differences(from: Configuration()).map(\.key.name).first {
            $0.hasPrefix("data.caption") || $0 == "data.skip_uncaptioned" || $0.hasPrefix("text.")
        }
    }

    /// The first key of labels whose value is not the default, to refuse it for captions that name no class.
    var firstLabelKeyInUse: String? {
        differences(from: Configuration()).map(\.key.name).first { $0.hasPrefix("data.label") }
    }

    /// The first key of a section whose value is not the default.
    func firstKeyInUse(of section: String) -> String? {
        differences(from: Configuration()).map(\.key.name).first { $0.hasPrefix("\(section).") }
    }
}
