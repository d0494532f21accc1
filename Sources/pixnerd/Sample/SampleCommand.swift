import ArgumentParser
import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdDistributed
import PixNerdLayers
import PixNerdSampling
import PixNerdTensors
import PixNerdTraining

struct SampleCommand: ParsableCommand, RankedCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Makes pictures from a trained model.",
        discussion: """
            One picture for each class and seed. The same class, seed, size and settings give the same picture whatever \
            else is made beside it. What is stopped goes on with the same command: pictures that are there are kept.

              pixnerd sample checkpoints/shapes --out grid.png
              pixnerd sample checkpoints/shapes --classes ring,star --seeds 1,2,3 \\
                --size 48x64 --out pictures/
              pixnerd sample checkpoints/shapes --count 50000 --out samples.npz

            Started by Open MPI's mpirun, all processes make the same pictures together, a batch each in turn; rank 0 \
            writes them.

              mpirun -n 4 --hostfile hosts pixnerd sample checkpoints/shapes \\
                --count 50000 --out samples.npz
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var checkpoint: String

    @Option(
        help: """
            A .png file for a sheet with a row for each class; a folder for a PNG of each picture; .npz for arr_0 as the \
            ADM evaluation reads it, rows shuffled; .safetensors for floats before rounding. How they were made stands in \
            manifest.json in the folder, else beside the file.
            """)
    var out: String

    @OptionGroup var pictures: PictureOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var sampling: SamplerOptions
    @OptionGroup var latents: AutoencoderOptions

    @Option(help: "Pictures at once.")
    var batch = 16

    @Option(help: "Seed of the order of rows in a .npz.")
    var rowOrderSeed: UInt64 = 0

    @Option(
        help: """
            Shows the way of the first batch, the picture predicted at each step: in a .png from left to right, or as an \
            animation in a .apng or .gif.
            """)
    var trajectory: String?

    @Option(help: "A .png file that is drawn anew every few steps with the pictures as they are predicted.")
    var preview: String?

    @Option(help: "Steps between two drawings of --preview.")
    var previewEvery = 5

    @Option(help: "ema or raw weights; ema where the checkpoint has them.")
    var weights: WeightKind?

    @Option(help: "Of large products: fp32, or bf16, which wants oneDNN, for about twice the speed.")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Write over files that are there.")
    var overwrite = false

    func validate() throws {
        let counts = [("--batch", batch), ("--preview-every", previewEvery)]
        for (name, value) in counts where value < 1 {
            throw ValidationError("\(name) is \(value); it must be at least 1.")
        }
    }

    func run() throws {
        threads.apply()
        let communicator = try Communicator.forCommand(threads: threads.threads)
        try communicator.agree { try precision.check() }
        try precision { try sample(communicator) }
    }

    private func sample(_ communicator: Communicator) throws {
        let logger = makeLogger(communicator)
        let work = try communicator.agree { try prepare(logger) }
        let (plan, size, settings) = (work.plan, work.size, work.settings)
        try expectSame(plan, communicator)
        let (trajectory, preview) = try communicator.agree { () -> (Trajectory?, Preview?) in
            guard communicator.isRoot else { return (nil, nil) }
            return (
                try self.trajectory.map { try Trajectory(path: $0, steps: settings.steps, plan: plan) },
                try self.preview.map { try Preview(path: $0, every: previewEvery, plan: plan) }
            )
        }
        var output = try RankedOutput(
            communicator, plan, shape: [3, size.height, size.width], isNeeded: { trajectory?.needs($0) == true },
            open: { try plan.open(rowOrderSeed: rowOrderSeed) })
        // What is refused is refused in one sentence, so these come when nothing more is.
        if communicator.isRoot {
            logger.noteSlowProducts()
            if let warning = work.warning { logger.warning("\(warning)") }
        }
        if output.kept > 0 {
            logger.notice("\(output.kept) of \(plan.requests.count) pictures are there already and are kept")
        }
        var progress: PixNerdTraining.Progress?
        let start = Date()
        try work.sample(
            isDone: { output.holds($0) },
            afterStep: { moment in
                guard communicator.isRoot else { return }
                let bar = progress ?? PixNerdTraining.Progress(total: moment.total, start: start)
                progress = bar
                let count = plan.requests.count
                let last = count - moment.first > plan.batch ? moment.first + plan.batch : count
                bar.show(
                    moment.done,
                    "pictures \(moment.first + 1) to \(last) of \(count)  step \(moment.step) of \(settings.steps)  "
                        + "\(size.height) x \(size.width)")
                trajectory?.record(moment)
                try preview?.show(moment, of: settings.steps)
            },
            receive: { pixels, first in try output.write(pixels, first: first) })
        progress?.finish()
        try output.finish()
        guard communicator.isRoot else { return }
        try trajectory?.finish()
        print(plan.requests.count == 1 ? "1 picture is in \(out)." : "\(plan.requests.count) pictures are in \(out).")
    }

    /// Everything that pictures are made from, found and checked.
    private struct Work {
        let plan: SamplePlan
        let size: PictureSize
        let settings: SamplingSettings
        /// That the model never saw pictures of this size.
        let warning: String?
        /// Makes the pictures, as `samplePictures`.
        let sample:
            (
                _ isDone: (Range<Int>) -> Bool, _ afterStep: (SamplingMoment) throws -> Void,
                _ receive: (Tensor, Int) throws -> Void
            ) throws -> Void

        func sample(
            isDone: (Range<Int>) -> Bool, afterStep: (SamplingMoment) throws -> Void,
            receive: (Tensor, Int) throws -> Void
        ) throws { try sample(isDone, afterStep, receive) }
    }

    /// Checks that all processes make the same pictures in the same way.
    private func expectSame(_ plan: SamplePlan, _ communicator: Communicator) throws {
        let requests = plan.requests.map { "\($0.label) \($0.seed)" }.joined(separator: ",")
        var fingerprint = Fingerprint()
        fingerprint.add(requests)
        try communicator.expectSame(
            "list of pictures", fingerprint.text, advice: "give all ranks the same options")
        let manifest = plan.manifest
        try communicator.expectSame(
            "checkpoint or way of sampling", try jsonText(manifest.knobs),
            advice: "give all ranks the same checkpoint and options"
        ) { root in
            let other = try JSONDecoder().decode(SampleKnobs.self, from: Data(root.utf8))
            return try manifest.knobs.difference(from: other) ?? ""
        }
    }

    private func prepare(_ logger: Logger) throws -> Work {
        let file = try PixNerdCheckpoint(path: checkpoint)
        let kind = file.chosen(weights, logger: logger)
        let (model, autoencoder) = try latents.load(file, kind)
        guard (file.classNames?.count ?? 0) <= model.classes else {
            throw CommandError("\(file.path) names more classes than the \(model.classes) that its model has.")
        }
        let reduction = autoencoder?.model.reduction ?? 1
        let choice = try sizes.choice(model, file, reduction: reduction, checkpoint)
        let (denoiser, size) = (choice.denoiser, choice.size)
        if size.isCropped {
            logger.notice(
                """
                \(size.height) x \(size.width) does not divide by \(denoiser.sizeMultiple * reduction): sampled at \
                \(size.canvasHeight) x \(size.canvasWidth) and cut from the middle
                """)
        }
        let names = file.classNames ?? (0..<model.classes).map(String.init)
        let requests = try pictures.requests(names, total: model.classes)
        let settings = try sampling.settings(file.metadata, size: size, trained: file.imageSize, checkpoint)
        let space: any Space =
            try autoencoder.map { try latents.space($0, size, logger: logger) } ?? PixelSpace()
        let noise = try sampling.noiseSource(count: requests.count, shape: size.noiseShape(in: space))
        let knobs = try knobs(
            hash: Fingerprint.text(ofFile: file.file(of: kind)), kind, choice, settings, autoencoder?.identity)
        let plan = SamplePlan(
            path: out, requests: requests, names: names,
            manifest: SampleManifest(
                program: "pixnerd \(PixNerdCommand.configuration.version)", checkpoint: checkpoint, knobs: knobs),
            overwrites: overwrite)
        return Work(plan: plan, size: size, settings: settings, warning: choice.warning) { isDone, afterStep, receive in
            try samplePictures(
                denoiser, in: space, requests, size: size, settings: settings, batchSize: plan.batch, noise: noise,
                isDone: isDone, afterStep: afterStep, receive: receive)
        }
    }

    private func knobs(
        hash: String, _ kind: WeightKind, _ choice: SizeOptions.Choice, _ settings: SamplingSettings,
        _ autoencoder: AutoencoderIdentity?
    ) throws -> SampleKnobs {
        let size = choice.size
        return SampleKnobs(
            checkpointHash: hash, weights: kind.rawValue, height: size.height, width: size.width,
            canvasHeight: size.canvasHeight, canvasWidth: size.canvasWidth, route: choice.route.rawValue,
            sampler: sampling.sampler.rawValue, order: sampling.sampler == .adams ? sampling.order : nil,
            steps: settings.steps, lastStep: settings.lastStep, shift: settings.shift,
            guidance: settings.guidance.scales, guidanceTimes: settings.guidance.times,
            noise: sampling.initialNoise == nil ? sampling.noise.rawValue : "file",
            noiseHash: try sampling.initialNoise.map { try Fingerprint.text(ofFile: $0) },
            autoencoder: autoencoder.map { "\($0.fingerprint), \($0.scale.text)" }, autoencoderTile: latents.vaeTile,
            precision: precision, batch: batch)
    }
}
