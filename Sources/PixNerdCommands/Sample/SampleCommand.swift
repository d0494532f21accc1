import ArgumentParser
import Foundation
import Logging
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdDistributed
import PixNerdImages
import PixNerdLayers
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

extension ImageFile.StoredFormat: ExpressibleByArgument {}

struct SampleCommand: ParsableCommand, RankedCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Samples images from a trained model.",
        discussion: """
            Samples one image for each class or prompt, and seed. The same prompt, seed, size and settings give the same image, \
            whatever else is sampled with it. Running the same command again resumes an interrupted job: existing \
            images are kept.

              pixnerd sample checkpoints/shapes --out grid.png
              pixnerd sample checkpoints/shapes --classes ring,star --seeds 1,2,3 \\
                --size 48x64 --out pictures/
              pixnerd sample checkpoints/shapes --count 50000 --out samples.npz
              pixnerd sample PixArt-Sigma-XL-2-512-MS --lora style.safetensors:0.8 \\
                --prompt "a red bicycle" --out red.png
              pixnerd sample checkpoints/faces --values age=20 --values age=60 \\
                --out ages.png
              pixnerd sample checkpoints/shapes-control --classes star \\
                --control-from photo.jpg --out drawn.png
              pixnerd sample model.ckpt --text-encoder Qwen3-1.7B \\
                --prompt "a red bicycle" --out red.png
              pixnerd sample checkpoints/shapes --classes ring,star --seeds 1 \\
                --interpolate 12 --out ring-to-star.gif
              pixnerd sample checkpoints/shapes --from-image ring.png --mask hole.png \\
                --classes ring --out filled/

            Under Open MPI's mpirun the processes share the work, batch by batch; rank 0 writes the images.

              mpirun -n 4 --hostfile hosts pixnerd sample checkpoints/shapes \\
                --count 50000 --out samples.npz
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var checkpoint: String

    @Option(
        help: """
            Output path: a .png file for a sheet with a row for each class; a folder (end its name with / if it has a \
            dot) for a file of each image; a .npz file for arr_0 as the ADM evaluation reads it, with shuffled rows; a \
            .safetensors file for floats before rounding; a .gif or .apng file for the animation of --interpolate. A manifest is written to manifest.json in the folder, or \
            else beside the file.
            """)
    var out: String

    @OptionGroup var pictures: PictureOptions
    @OptionGroup var texts: TextOptions
    @OptionGroup var sizes: SizeOptions
    @OptionGroup var sampling: SamplerOptions
    @OptionGroup var edits: EditArguments
    @OptionGroup var blends: BlendOptions
    @OptionGroup var latents: AutoencoderOptions
    @OptionGroup var adapters: AdapterOptions
    @OptionGroup var control: ControlOptions

    @Option(help: "Images per batch.")
    var batch = 16

    @Option(help: "Seed of the order of rows in a .npz file.")
    var rowOrderSeed: UInt64 = 0

    @Option(
        help: """
            Save the denoising trajectory of the first batch, the images predicted at each step: from left to right \
            in a .png file, or as an animation in a .apng or .gif file.
            """)
    var trajectory: String?

    @Option(help: "Save the images predicted so far to a .png file, rewritten every few steps.")
    var preview: String?

    @Option(
        help: """
            Format of the images in a folder: png, tiff or npy (default: png, or tiff for float32 or more than four \
            channels). Each keeps all channels and bits.
            """)
    var fileFormat: ImageFile.StoredFormat?

    @Option(help: "Number of steps between updates of --preview.")
    var previewEvery = 5

    @Option(help: "ema or raw weights (default: ema if the checkpoint has them).")
    var weights: WeightKind?

    @Option(
        help: """
            Matrix-multiply precision: fp32, bf16 (twice as fast and more; needs AVX-512 BF16) or int8 (faster with AMX, \
            less exact).
            """)
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Flag(help: "Overwrite existing files.")
    var overwrite = false

    func validate() throws {
        try expectOption("--batch", batch, in: 1...Int.max)
        try expectOption("--preview-every", previewEvery, in: 1...Int.max)
    }

    func run() throws {
        threads.apply()
        let communicator = try Communicator.forCommand(threads: threads.threads)
        try communicator.agree { try precision.check() }
        try precision { try sample(communicator) }
    }

    private func sample(_ communicator: Communicator) throws {
        let logger = makeLogger(communicator)
        let (job, plan, pictures, warnings) = try communicator.agree { try prepare(logger) }
        try expectSame(plan, communicator)
        let (trajectory, preview) = try communicator.agree { () -> (Trajectory?, Preview?) in
            guard communicator.isRoot else { return (nil, nil) }
            return (
                try self.trajectory.map { try Trajectory(path: $0, steps: job.steps, plan: plan) },
                try self.preview.map { try Preview(path: $0, every: previewEvery, plan: plan) }
            )
        }
        try communicator.agree {
            if communicator.isRoot { try ControlOptions.write(pictures, beside: out, overwrites: overwrite) }
        }
        let (lock, remark) = try communicator.agree { communicator.isRoot ? try plan.lock() : (nil, nil) }
        defer { withExtendedLifetime(lock) {} }
        var output = try RankedOutput(
            communicator, plan, shape: [job.space.format.channelCount, job.size.height, job.size.width],
            isNeeded: { trajectory?.needs($0) == true }, open: { try plan.open(rowOrderSeed: rowOrderSeed) })
        // An error is printed alone, so warnings come after everything that can be refused.
        if communicator.isRoot {
            logger.noteSlowProducts()
            if let remark { logger.warning("\(remark)") }
            for warning in warnings { logger.warning("\(warning.text(naming: Flags.name))") }
        }
        if output.kept > 0 {
            logger.notice("\(output.kept) of \(plan.requests.count) images already exist and are kept")
        }
        try make(job, of: plan, &output, trajectory, preview, communicator)
        guard communicator.isRoot else { return }
        print(plan.requests.count == 1 ? "1 image is in \(out)." : "\(plan.requests.count) images are in \(out).")
        try trajectory?.finish()
    }

    /// Samples what the output does not hold yet, and finishes it.
    ///
    /// Processes that work together are not stopped between batches: the others would wait for their images.
    private func make(
        _ job: SamplingJob, of plan: SamplePlan, _ output: inout RankedOutput, _ trajectory: Trajectory?,
        _ preview: Preview?, _ communicator: Communicator
    ) throws {
        let shouldStop = communicator.size == 1 ? Interruption.watch() : { false }
        let onProgress = ProgressBar.handler()
        do {
            try job.run(
                isDone: { output.holds($0) }, isCancelled: shouldStop,
                afterStep: { moment in
                    guard communicator.isRoot else { return }
                    onProgress(progress(moment, of: job))
                    trajectory?.record(moment)
                    try preview?.show(moment, of: job.steps)
                },
                receive: { pixels, first in
                    try expectFinite(pixels, plan.requests[first...])
                    try output.write(pixels, first: first)
                })
            ProgressBar.breakLine()
            try output.finish()
        } catch is CancellationError {
            ProgressBar.breakLine()
            print(stopMessage(output.stop(), of: plan.requests.count))
            throw ExitCode(Self.stopped)
        } catch let error as PixNerdError where error.kind == .system {
            throw error.keeping(output.stop(), of: plan.requests.count)
        }
    }

    /// The exit status after a signal that stopped the job, as of a program that Ctrl-C ended.
    private static let stopped: Int32 = 130

    /// What is kept of a job that was stopped, and the command that continues it.
    private func stopMessage(_ kept: KeptSamples, of requests: Int) -> String {
        // Images of a folder would be made again if they were to be overwritten.
        let isFolder = (try? SampleForm(path: out)) == .folder
        let command = shellCommand(
            ["pixnerd"] + CommandLine.arguments.dropFirst().filter { !isFolder || $0 != "--overwrite" })
        return kept.count == 0
            ? "Stopped before the first batch was finished. Start again with: \(command)"
            : "Stopped: \(kept.count) of \(requests) images are kept in \(kept.path). Resume with: \(command)"
    }

    /// Checks that sampling has not diverged, since such images would be black without a word.
    private func expectFinite(_ pixels: Tensor, _ requests: ArraySlice<PictureRequest>) throws {
        guard !pixels.isFinite, let first = requests.first else { return }
        throw PixNerdError(
            .notFinite, "The images from seed \(first.seed)", found: "have pixels that are not finite",
            advice: "use a lower \(Setting.guidance), more steps, or a checkpoint from before the training diverged")
    }

    private func progress(_ moment: SamplingMoment, of job: SamplingJob) -> WorkProgress {
        let count = job.requests.count
        let last = count - moment.first > job.batch ? moment.first + job.batch : count
        return WorkProgress(
            done: moment.done, total: moment.total,
            details: "images \(moment.first + 1) to \(last) of \(count)  step \(moment.step) of "
                + "\(job.steps)  \(job.size.height) x \(job.size.width)")
    }

    /// Checks that all processes sample the same images in the same way.
    private func expectSame(_ plan: SamplePlan, _ communicator: Communicator) throws {
        let requests = plan.requests.map { "\($0.prompt) \($0.seed) \($0.blend.map { "\($0)" } ?? "")" }.joined(
            separator: ",")
        var fingerprint = Fingerprint()
        fingerprint.add(requests)
        try communicator.expectSame(
            "list of images", fingerprint.text, advice: "give all ranks the same options")
        let provenance = plan.manifest.provenance
        try communicator.expectSame(
            "checkpoint or sampling settings", try JSON.text(provenance),
            advice: "give all ranks the same checkpoint and options"
        ) { root in
            try JSON.value(SamplingProvenance.self, from: root).flatMap { try provenance.difference(from: $0) } ?? ""
        }
    }

    private func prepare(_ logger: Logger) throws -> (SamplingJob, SamplePlan, [ControlPicture], warnings: [ErrorText])
    {
        try checkOutputs()
        var options = SamplingOptions()
        (options.weights, options.batch) = (weights, batch)
        try sizes.apply(to: &options)
        sampling.apply(to: &options)
        latents.apply(to: &options)
        texts.apply(to: &options)
        options.loras = try adapters.choices()
        edits.apply(to: &options)
        try control.apply(to: &options)
        let source = try CheckpointSampling(path: checkpoint, options)
        for notice in source.notices { logger.notice("\(notice)") }
        let conditioner = source.loaded.conditioner
        let benchmark = try texts.benchmark()
        guard benchmark == nil || !blends.areGiven else {
            throw CommandError("--layout samples the prompts of a benchmark; leave out --interpolate and --variations.")
        }
        let requests =
            try benchmark.map { try pictures.requests(conditioner, of: $0) }
            ?? blends.applied(to: pictures.requests(conditioner, texts: texts, noise: sampling.noise))
        let prompts = requests.map(\.prompt)
        for remark in conditioner.remarks(prompts) { logger.warning("\(remark)") }
        if let open = source.openValues(prompts) { logger.notice("\(open.text(naming: Flags.name))") }
        var manifest = SampleManifest(
            program: PixNerdCommand.program, checkpoint: checkpoint, provenance: try source.provenance())
        (manifest.guide, manifest.layout, manifest.prompts) = (source.guidePath, texts.layout, texts.prompts)
        if !source.adapterPaths.isEmpty { manifest.adapters = source.adapterPaths }
        (manifest.controlNet, manifest.controlPictures) = (control.controlNet, control.control ?? control.controlFrom)
        let plan = SamplePlan(
            path: out, requests: requests, conditioner: conditioner, manifest: manifest, overwrites: overwrite,
            benchmark: benchmark, format: source.loaded.format, fileFormat: fileFormat)
        if let fileFormat, !fileFormat.canHold(source.loaded.format) {
            throw CommandError(
                "--file-format is \(fileFormat.rawValue), which cannot hold images of \(source.loaded.format); use tiff or npy."
            )
        }
        if let remark = plan.captionRemark { logger.notice("\(remark)") }
        return (try source.job(requests), plan, source.madePictures, source.warnings)
    }

    /// Checks the names of the outputs before anything is loaded.
    private func checkOutputs() throws {
        let form = try SampleForm(path: out)
        guard form == .folder || texts.layout == nil else {
            throw CommandError("--out is \(out), but --layout writes a folder; give the name of one.")
        }
        var outputs: [(setting: ErrorText, path: String)] = [("\(Setting.output)", out)]
        if form != .folder { outputs.append(("The manifest", "\(out).json")) }
        if let trajectory { outputs.append(("\(Setting.trajectory)", trajectory)) }
        if let preview { outputs.append(("\(Setting.preview)", preview)) }
        try expectApart(
            outputs,
            from: ([checkpoint, sampling.guide, sampling.initialNoise, latents.vae, texts.textEncoder, texts.prompts]
                + edits.inputs).compactMap { $0 } + adapters.choices().map(\.path) + control.inputs)
    }
}
