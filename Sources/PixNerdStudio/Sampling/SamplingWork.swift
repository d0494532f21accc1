import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A request whose model is loaded and whose settings are checked, ready to run.
struct SamplingWork: Sendable {
    let request: SampleRequest
    let job: SamplingJob
    let warnings: [String]
    private let names: [String]
    private let settings: [String: String]
    private let format: PixelFormat
    private let precision: Precision

    /// Loads the model of a request.
    ///
    /// - Parameter promptField: Name of the field of prompts, for messages.
    /// - Throws: `PixNerdError` or `StudioFailure` if the request is not valid.
    init(_ asked: SampleRequest, _ runs: RunList, _ inputs: InputStore, promptField: String) throws {
        var options = try asked.options()
        (options.edit, options.control) = (try asked.edit(inputs), try asked.shown(inputs, runs))
        let reference = runs.reference(asked.model)
        options.weights = reference.weights
        precision = try asked.chosenPrecision()
        let path = try runs.checkpoint(reference)
        let sampling: CheckpointSampling
        do {
            sampling = try CheckpointSampling(path: path, options)
        } catch {
            throw asked.namingInputs(error, options)
        }
        try asked.checkWork(sampling)
        let pixels = sampling.size.canvasHeight * sampling.size.canvasWidth
        let batch = max(1, min(options.batch, Self.batchPixels / pixels))
        try Self.expectMemory(min(batch, asked.count) * pixels)
        let conditioner = sampling.loaded.conditioner
        if let values = asked.values, !values.isEmpty, conditioner.values.isEmpty {
            throw StudioFailure.invalid("The model is told no values; leave values out.", parameter: "values")
        }
        let numbers = try asked.values.flatMap {
            $0.isEmpty ? nil : try conditioner.numbers(from: $0.joined(separator: ","))
        }
        let prompts = try asked.prompts.map { text in
            let prompt = try Self.prompt(text, conditioner, field: promptField)
            return numbers.map { prompt.with(values: $0) } ?? prompt
        }
        let requests = RequestList.each(prompts: prompts, seeds: asked.seeds)
        guard Set(requests).count == requests.count else {
            throw StudioFailure.invalid("A prompt or a seed is named twice; name each once.", parameter: promptField)
        }
        job = try sampling.job(asked.varied(requests), batch: batch)
        names = prompts.map(conditioner.name(of:))
        format = sampling.loaded.format
        var warnings = (sampling.notices + sampling.warnings.map { $0.text(naming: RequestFields.name) }).map {
            $0.hasSuffix(".") ? $0 : $0 + "."
        }
        settings = Self.shown(sampling, precision)
            .merging(asked.editSettings(options.edit)) { own, _ in own }
            .merging(asked.controlSettings(options.control)) { own, _ in own }
        var completed = asked
        completed.steps = job.settings.steps
        completed.size = "\(job.size.height)x\(job.size.width)"
        if asked.trajectory == true, asked.count * job.steps * pixels * 3 > Self.frameBytes {
            completed.trajectory = false
            warnings.append("The predictions of so many steps and pixels are not kept.")
        }
        self.warnings = warnings
        request = completed
    }

    /// Maximum number of pixels in a batch of several images.
    private static let batchPixels = 1 << 20
    /// Memory in bytes that a pixel of a batch takes while a guided step is computed: 1.48 KB in a small model.
    private static let bytesOfPixel = 1600.0
    /// Maximum number of bytes of all predicted images that are kept.
    private static let frameBytes = 256 << 20

    /// Checks that a batch fits into the memory, before a job is queued.
    private static func expectMemory(_ pixels: Int) throws {
        do {
            try AvailableMemory.expect(
                Double(pixels) * bytesOfPixel, for: "A batch of \(pixels) pixels",
                advice: "sample smaller images with \(Setting.size)")
        } catch let error as PixNerdError {
            throw StudioFailure.invalid(error.sentence(naming: RequestFields.name), parameter: "size")
        }
    }

    private static func prompt(_ text: String, _ conditioner: any Conditioner, field: String) throws -> Prompt {
        do {
            return try conditioner.prompt(from: text)
        } catch let error as PixNerdError {
            throw StudioFailure.invalid(error.sentence(naming: { _ in field }), parameter: field)
        }
    }

    /// The settings that the page lists.
    private static func shown(_ sampling: CheckpointSampling, _ precision: Precision) -> [String: String] {
        let settings = sampling.settings
        var shown = [
            "steps": "\(settings.steps)", "sampler": settings.sampler.name, "shift": "\(settings.shift)",
            "guidance": settings.guidance.scales.map { "\($0)" }.joined(separator: ","),
            "guidance_interval": settings.guidance.times.map { "\($0)" }.joined(separator: ","),
            "checkpoint": sampling.checkpointPath,
        ]
        if let order = settings.sampler.order { shown["order"] = "\(order)" }
        if precision != .fp32 { shown["precision"] = precision.rawValue }
        return shown
    }

    /// A finished picture.
    struct Picture: Sendable {
        let record: PictureRecord
        /// The bytes of the file that `pixnerd sample` writes for it.
        let file: [UInt8]
        /// The picture as it is shown, a PNG file with its settings inside.
        let shown: [UInt8]
        let frames: [[UInt8]]
    }

    /// What is known after a step.
    struct Step: Encodable, Sendable {
        let job: String
        let step: Int
        let steps: Int
        let done: Int
        let total: Int
        let first: Int
        /// The predicted pictures of the batch, PNG files.
        let pictures: [Data]
        /// When they were computed, in seconds since 1970.
        let computed: Double
    }

    /// Samples all pictures on this thread.
    ///
    /// - Parameters:
    ///   - id: Name of the job.
    ///   - isWatched: Whether anyone looks at predicted pictures.
    /// - Throws: `CancellationError` if `isCancelled` returned true.
    func run(
        id: String, isCancelled: () -> Bool, isWatched: () -> Bool, afterStep: (Step) -> Void
    ) throws -> [Picture] {
        let keepsFrames = request.trajectory == true
        var frames = [[[UInt8]]](repeating: [], count: job.requests.count)
        var pictures: [Picture] = []
        try precision {
            try job.run(
                isCancelled: isCancelled,
                afterStep: { moment in
                    let computed = Date().timeIntervalSince1970
                    let predicted =
                        keepsFrames || isWatched() ? try moment.predicted().map { try ImageFile.encodePNG($0) } : []
                    if keepsFrames {
                        for (place, frame) in predicted.enumerated() { frames[moment.first + place].append(frame) }
                    }
                    afterStep(
                        Step(
                            job: id, step: moment.step, steps: job.steps, done: moment.done,
                            total: moment.total, first: moment.first, pictures: predicted.map { Data($0) },
                            computed: computed))
                },
                receive: { pixels, first in
                    guard pixels.isFinite else {
                        throw PixNerdError(
                            .notFinite, "The images from seed \(job.requests[first].seed)",
                            found: "have pixels that are not finite", advice: "use a lower \(Setting.guidance)")
                    }
                    let shown = shownPictures(pixels, format)
                    for (place, stored) in zip(first..., storedPictures(pixels, format)) {
                        pictures.append(
                            try picture(place, stored, shown[place - first], frames[place], job: id))
                    }
                })
        }
        return pictures
    }

    private func picture(
        _ place: Int, _ stored: Raster, _ shown: RGBImage, _ frames: [[UInt8]], job id: String
    ) throws -> Picture {
        let asked = job.requests[place]
        var own = request
        (own.prompts, own.seeds) = ([request.prompts[place / request.seeds.count]], [asked.seed])
        let record = PictureRecord(
            id: Gallery.newName(), job: id, model: request.model, prompt: names[place / request.seeds.count],
            seed: asked.seed, height: job.size.height, width: job.size.width, settings: settings, request: own,
            created: Date().timeIntervalSince1970)
        let texts = [
            PNGText(keyword: "parameters", text: record.parameters),
            PNGText(keyword: "pixnerd", text: try JSON.text(record)),
        ]
        let usual: ImageFile.StoredFormat = ImageFile.StoredFormat.png.canHold(format) ? .png : .tiff
        return Picture(
            record: record, file: try ImageFile.encode(stored, as: usual),
            shown: try ImageFile.encodePNG(shown, texts: texts), frames: frames)
    }
}
