import ArgumentParser
import Foundation
import PixNerdCheckpoints
import PixNerdInspection
import PixNerdLayers
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport
import PixNerdTraining

extension WeightKind: ExpressibleByArgument {}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compares this program's results with PyTorch's.",
        discussion: """
            REFERENCE is a .safetensors file written by PyTorch. It holds x, t, y and velocity; or a training run as \
            train.x, train.y, train.t, train.noise and train.loss, and optionally grad.denoiser.*, final.denoiser.* \
            and final.ema_denoiser.*; or both. Tests/Fixtures/make_fixtures.py writes such files. The tolerance for a \
            run of several steps is ten times that for a forward pass or a gradient.

            For a text-to-image model, y and train.y hold the rows of texts, [B, L, E] and [S, B, L, E]. The metadata \
            may name a route, grid or field, and the encoder_size HxW of the field route; for a run also beta1, beta2 \
            and clip_norm. Tests/Fixtures/make_text_denoiser_fixtures.py writes such files.

            For a run aligned with an encoder (REPA), REFERENCE also holds train.features, and optionally train.flow, \
            train.align, grad.proj.* and final.proj.*; CHECKPOINT then holds diffusion_trainer.proj.*.

            For a DINOv2 encoder, REFERENCE holds image [B, 3, H, W] in [0, 1] and tokens [B, N, D], the normalised \
            patch tokens of the image after the published preprocessing.

            For Inception-v3, REFERENCE holds image as uint8 [B, 3, H, W] and pool [B, 2048], and optionally logits \
            and logits_unbiased [B, 1008] and spatial [B, 2023].

            For an AutoencoderKL, REFERENCE holds image [B, 3, H, W] in [-1, 1] with mean and logvar, and unscaled \
            latent with decoded. Tests/Fixtures/make_autoencoder_fixtures.py writes such files.

            For a video autoencoder, REFERENCE holds video [B, 3, T, H, W] in [-1, 1] with latent_of_means and decoded, and \
            with noise_spatial and noise_temporal latent_drawn; or temporal_input with temporal_mean, \
            temporal_log_variance and temporal_decoded. Tests/Fixtures/make_video_fixtures.py writes such files.

            For a MiniT2I, REFERENCE holds states [B, L, E] and keep [B, L], the rows and masks of texts, with x and \
            clean, the image that the network gives; or noise and RUN.after_STEP of the runs in its metadata; or \
            picture, noise, t and dropped with losses and gradients. Tests/Fixtures/make_minit2i_fixtures.py writes such \
            files.

            For a PixArt, REFERENCE holds x, step, caption, keep and output, and for its ControlNet control_image; or \
            noise with samples by the number of steps, such as diffusers_20, alpha_script_20, sigma_script_20 and \
            one_step; or a training run with error_bound_loss_norm. For HED edges it holds picture and edges. Tests/Fixtures/make_pixart_fixtures.py writes such files. For a PixNerd of classes \
            that models of captions begin as, it holds x, t, caption, keep, class_model and start_per_block or \
            start_single.

            For a LoRA, given with --lora, REFERENCE holds what the model gives with it. For a PixArt it may hold output \
            alone; the inputs are then those of MODEL_square.safetensors beside it, MODEL being the name of the model.

            For the directory of a whole pipeline of PixArt, REFERENCE holds noise, latents and picture, and its metadata \
            prompt; or an about.json is beside it.

            For the directory of a Qwen3 or T5, REFERENCE holds ids and mask (or keep) [P, L] and hidden (or states) \
            [P, L, E], the rows after the last norm; and optionally long_ids [P, M] and long_states [P, M, E] of texts \
            without padding, and for a Qwen3 empty_sees_nothing and empty_sees_all [1, L, E], the rows of the empty prompt.

              pixnerd verify model.safetensors reference.safetensors
              pixnerd verify aligned.ckpt aligned-run.safetensors \\
                --repa-layer 8 --repa-weight 0.5
              pixnerd verify dinov2_vitb14_pretrain.pth tokens.safetensors
              pixnerd verify pt_inception-2015-12-05-6726825d.pth pool.safetensors \\
                --tolerance 1e-3
              pixnerd verify sd-vae-ft-mse vae-reference.safetensors
              pixnerd verify Qwen3-1.7B text-reference.safetensors
            """)

    @Argument(
        help: """
            A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file; for an encoder also a \
            transformers directory, for an autoencoder a diffusers directory.
            """)
    var checkpoint: String

    @Argument(help: "A .safetensors file with PyTorch's results.")
    var reference: String

    @Option(help: "Largest relative error, in the Frobenius norm.")
    var tolerance = 1e-4

    @Option(help: "Weights for the velocity, ema or raw (default: ema if the checkpoint has them).")
    var weights: WeightKind?

    @Option(help: "Learning rate of the replayed run (default: the reference's learning_rate, else 1e-4).")
    var learningRate: Float?

    @Option(help: "Weight decay of the replayed run (default: the reference's weight_decay, else 0).")
    var weightDecay: Float?

    @Option(
        name: .customLong("ema"),
        help: "EMA decay of the replayed run (default: the reference's ema_decay, else 0.9999).")
    var averageDecay: Float?

    @Option(help: "Block whose tokens are aligned (default: the reference's repa_layer, else 8).")
    var repaLayer: Int?

    @Option(help: "Weight of the alignment in the loss (default: the reference's repa_weight, else 0.5).")
    var repaWeight: Float?

    @Option(help: "Resizing of images for Inception (default: the reference's backend, else torch-fidelity).")
    var backend: InceptionInput?

    @OptionGroup var encoder: EncoderOptions
    @OptionGroup var adapters: AdapterOptions

    @Option(help: "A ControlNet of the model, for a reference with control_image: a run, a file or a directory.")
    var controlNet: String?

    func validate() throws {
        try expectOption("--repa-layer", repaLayer, in: 1...SizeLimits.blocks)
        guard tolerance.isFinite, tolerance >= 0 else {
            throw ValidationError("--tolerance is \(tolerance); it must be a number of at least 0.")
        }
        let settings = [
            ("--learning-rate", learningRate), ("--weight-decay", weightDecay), ("--ema", averageDecay),
            ("--repa-weight", repaWeight),
        ]
        for case (let name, let value?) in settings where !value.isFinite {
            throw ValidationError("\(name) is \(value); it must be a number.")
        }
    }

    func run() throws {
        let file = try SafetensorsFile(path: reference)
        if !adapters.loras.isEmpty,
            [
                InceptionCheck.isReference, EncoderCheck.isReference, AutoencoderCheck.isReference,
                TextEncoderCheck.isReference, VideoAutoencoderCheck.isReference,
            ].contains(where: { $0(file) })
        {
            throw CommandError("--lora is given, and \(reference) is a reference for a network that takes none.")
        }
        guard !InceptionCheck.isReference(file) else {
            let network = try Inception.load(TensorFile.open(path: checkpoint))
            let check = InceptionCheck(network, reference: file, tolerance: tolerance)
            try report(check.compare(backend ?? recordedBackend(file) ?? .torchFidelity))
            return
        }
        guard !EncoderCheck.isReference(file) else {
            let check = try EncoderCheck(
                DINOv2File(path: checkpoint).load(heads: encoder.heads), reference: file, tolerance: tolerance)
            try report([check.tokens(basePatch: encoder.basePatch ?? recordedBasePatch(file) ?? 16)])
            return
        }
        guard !EdgeCheck.isReference(file) else {
            try report([EdgeCheck(HED(path: checkpoint), reference: file, tolerance: tolerance).edges()])
            return
        }
        guard !AutoencoderCheck.isReference(file) else {
            let model = try AutoencoderCheckpoint(path: checkpoint).load()
            try report(AutoencoderCheck(model, reference: file, tolerance: tolerance).comparisons())
            return
        }
        guard !VideoAutoencoderCheck.isReference(file) else {
            let found = try VideoAutoencoderCheckpoint(path: checkpoint)
            if let warning = found.scaleWarning { makeLogger().warning("\(warning)") }
            try report(VideoAutoencoderCheck(found.load(), reference: file, tolerance: tolerance).comparisons())
            return
        }
        guard !TextEncoderCheck.isReference(file) else {
            let encoder = try TextEncoderDirectory(path: checkpoint).load(keepsWeights: false)
            try report(TextEncoderCheck(encoder, reference: file, tolerance: tolerance).comparisons())
            return
        }
        var checkpoint = try DenoiserCheckpoint(path: checkpoint).telling(heads: encoder.heads)
            .adapted(by: adapters.choices())
        for remark in checkpoint.adapterRemarks { makeLogger().notice("\(remark)") }
        if let controlNet { checkpoint = try checkpoint.controlled(by: controlNet, checkpoint.preferred(weights)) }
        guard !PipelineCheck.isReference(file) else {
            try report(PipelineCheck(checkpoint: checkpoint, reference: file, tolerance: tolerance).comparisons())
            return
        }
        if !adapters.loras.isEmpty,
            let check = try PixArtCheck(outputAlone: file, checkpoint: checkpoint, tolerance: tolerance)
        {
            try report(check.comparisons())
            return
        }
        guard !CaptionStartCheck.isReference(file) else {
            let check = CaptionStartCheck(checkpoint: checkpoint, reference: file, tolerance: tolerance)
            try report(check.comparisons())
            return
        }
        guard !PixArtCheck.isReference(file) else {
            let check = PixArtCheck(checkpoint: checkpoint, reference: file, tolerance: tolerance)
            try report(check.comparisons())
            return
        }
        guard !MiniT2ICheck.isReference(file) else {
            let check = MiniT2ICheck(checkpoint: checkpoint, reference: file, tolerance: tolerance)
            try report(check.comparisons(checkpoint.preferred(weights)))
            return
        }
        let check = ReferenceCheck(checkpoint: checkpoint, reference: file, tolerance: tolerance)
        guard check.hasVelocity || check.hasTraining else {
            throw CommandError(
                "\(reference) holds neither velocity nor train.loss, nor image with tokens, pool or mean, nor latent "
                    + "with decoded, nor ids with mask and hidden; see pixnerd verify --help for the contents of a "
                    + "reference."
            )
        }
        var comparisons: [Comparison] = []
        if check.hasVelocity {
            let kind = checkpoint.preferred(weights)
            if weights == nil, kind == .raw { makeLogger().notice("\(checkpoint.noEMANotice)") }
            comparisons.append(try check.velocity(kind))
        }
        if check.hasTraining {
            var replay = ReplaySettings(metadata: file.metadata, origin: reference)
            let optimizer = AdamW.Settings(
                learningRate: try replay.value(learningRate, "learning_rate", "--learning-rate", usual: 1e-4),
                beta1: try replay.recorded("beta1") ?? 0.9, beta2: try replay.recorded("beta2") ?? 0.999,
                weightDecay: try replay.value(weightDecay, "weight_decay", "--weight-decay", usual: 0))
            let clip: Double? = try replay.recorded("clip_norm")
            let decay = try replay.value(averageDecay, "ema_decay", "--ema", usual: 0.9999 as Float)
            var (layer, weight) = (8, 0.5 as Float)
            if file.shape(of: "train.features") != nil {
                layer = try replay.value(repaLayer, "repa_layer", "--repa-layer", usual: layer)
                weight = try replay.value(repaWeight, "repa_weight", "--repa-weight", usual: weight)
            }
            let steps = file.shape(of: "train.loss")?.first ?? 0
            comparisons += try check.training(
                optimizer, gradientClip: clip, averageDecay: decay, layer: layer, weight: weight)
            print("Replayed \(counted(steps, "step")) with \(replay.text).\n")
        }
        try report(comparisons)
    }

    /// The resizing of images that a reference names; nil if it names none.
    private func recordedBackend(_ file: SafetensorsFile) throws -> InceptionInput? {
        guard let text = file.metadata["backend"] else { return nil }
        guard let backend = InceptionInput(rawValue: text) else {
            throw CommandError("\(reference): backend is '\(text)', which is not known; give it with --backend.")
        }
        return backend
    }

    /// The side of patches that a reference names; nil if it names none.
    private func recordedBasePatch(_ file: SafetensorsFile) throws -> Int? {
        guard let text = file.metadata["base_patch"] else { return nil }
        guard let patch = Int(text), (1...SizeLimits.side).contains(patch) else {
            throw CommandError(
                "\(reference): base_patch is '\(text)', expected a number from 1 to \(SizeLimits.side); give it with "
                    + "--base-patch.")
        }
        return patch
    }

    /// Prints the comparisons and fails if one exceeds its tolerance.
    private func report(_ comparisons: [Comparison]) throws {
        let width = comparisons.map(\.name.count).max() ?? 0
        print(TextTable.padded("tensor", to: width + 2) + "largest    relative   allowed")
        for comparison in comparisons {
            print(
                TextTable.padded(comparison.name, to: width + 2)
                    + String(
                        format: "%.2e   %.2e   %.0e", comparison.largest, comparison.relative, comparison.tolerance)
                    + (comparison.passes ? "" : "   too far"))
        }
        let failed = comparisons.filter { !$0.passes }.count
        print(failed == 0 ? "All \(comparisons.count) agree." : "\(failed) of \(comparisons.count) are too far away.")
        if failed > 0 { throw ExitCode(1) }
    }
}
