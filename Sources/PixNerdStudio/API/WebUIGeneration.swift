import Foundation
import Hummingbird
import PixNerdSupport

/// A request of AUTOMATIC1111's `txt2img`, and its answer.
struct WebUIGeneration: Sendable {
    let studio: StudioContext
    let session: WebUISession

    /// The fields that are used; others are ignored, but echoed.
    private struct Fields: Decodable {
        struct Override: Decodable { var sdModelCheckpoint: String? }

        var prompt: String?
        var negativePrompt: String?
        var width: Int?
        var height: Int?
        var steps: Int?
        var cfgScale: Float?
        var seed: Int64?
        var batchSize: Int?
        var nIter: Int?
        var samplerName: String?
        var samplerIndex: String?
        var sendImages: Bool?
        var overrideSettings: Override?
    }

    private struct Answer: Encodable {
        let images: [String]
        let parameters: [String: Echo]
        let info: String
    }

    /// A value of the request, as it came.
    private enum Echo: Encodable {
        case number(Double)
        case text(String)
        case flag(Bool)

        func encode(to encoder: any Encoder) throws {
            var value = encoder.singleValueContainer()
            switch self {
            case .number(let number): try value.encode(number)
            case .text(let text): try value.encode(text)
            case .flag(let flag): try value.encode(flag)
            }
        }
    }

    private struct Info: Encodable {
        let prompt: String
        let allPrompts: [String]
        let negativePrompt: String
        let seed: UInt64
        let allSeeds: [UInt64]
        let width: Int
        let height: Int
        let samplerName: String
        let cfgScale: Float
        let steps: Int
        let batchSize: Int
        let sdModelName: String
        let infotexts: [String]
        let interrupted: Bool
    }

    func answer(_ request: Request) async throws -> Response {
        let fields = try await request.value(Fields.self)
        let sample = try await sampleRequest(fields)
        let session = self.session
        let job = try await studio.queue.submit(sample, onStep: session.note)
        var images: [String] = []
        var records: [PictureRecord] = []
        var isInterrupted = false
        do {
            let pictures = try await studio.queue.results(job.id)
            images = pictures.map { Data($0.shown).base64EncodedString() }
            records = pictures.map(\.record)
        } catch let failure as StudioFailure where failure.code == "cancelled" {
            // Interrupted: the client gets what was predicted so far, as from the program that it was written for.
            isInterrupted = true
            if let newest = session.newest(), newest.step.job == job.id {
                images = newest.step.pictures.map { $0.base64EncodedString() }
            }
        }
        let info = Info(
            prompt: fields.prompt ?? "", allPrompts: sample.prompts.flatMap { p in sample.seeds.map { _ in p } },
            negativePrompt: fields.negativePrompt ?? "", seed: sample.seeds[0],
            allSeeds: sample.prompts.flatMap { _ in sample.seeds }, width: fields.width ?? 0,
            height: fields.height ?? 0, samplerName: fields.samplerName ?? "", cfgScale: fields.cfgScale ?? 0,
            steps: fields.steps ?? 0, batchSize: images.count, sdModelName: sample.model,
            infotexts: records.map(\.parameters), interrupted: isInterrupted)
        let text = String(decoding: try JSON.encoder(snakeCase: true).encode(info), as: UTF8.self)
        return Response.json(
            Answer(images: fields.sendImages == false ? [] : images, parameters: Self.echo(fields), info: text))
    }

    private func sampleRequest(_ fields: Fields) async throws -> SampleRequest {
        let (batch, repeats) = (fields.batchSize ?? 1, fields.nIter ?? 1)
        guard (1...SampleRequest.mostImages).contains(batch), (1...SampleRequest.mostImages).contains(repeats),
            batch * repeats <= SampleRequest.mostImages
        else {
            throw StudioFailure.invalid(
                "batch_size is \(batch) and n_iter \(repeats); together they may make at most "
                    + "\(SampleRequest.mostImages) images.", parameter: "batch_size")
        }
        let model = fields.overrideSettings?.sdModelCheckpoint ?? session.model
        let choice = try await ModelChoice(model, prompt: fields.prompt ?? "", studio)
        var sample = SampleRequest(
            model: choice.model, prompts: choice.prompts,
            seeds: ModelChoice.seeds(from: fields.seed, count: batch * repeats))
        if fields.width != nil || fields.height != nil {
            sample.size = "\(fields.height ?? fields.width ?? 0)x\(fields.width ?? fields.height ?? 0)"
        }
        (sample.steps, sample.guidance) = (fields.steps, fields.cfgScale)
        sample.sampler = try WebUISampler.id(fields.samplerName ?? fields.samplerIndex)
        if let text = fields.negativePrompt, !text.isEmpty { sample.negativePrompt = text }
        return sample
    }

    private static func echo(_ fields: Fields) -> [String: Echo] {
        let all: [(String, Echo?)] = [
            ("prompt", fields.prompt.map { .text($0) }), ("negative_prompt", fields.negativePrompt.map { .text($0) }),
            ("width", fields.width.map { .number(Double($0)) }), ("height", fields.height.map { .number(Double($0)) }),
            ("steps", fields.steps.map { .number(Double($0)) }),
            ("cfg_scale", fields.cfgScale.map { .number(Double($0)) }),
            ("seed", fields.seed.map { .number(Double($0)) }),
            ("batch_size", fields.batchSize.map { .number(Double($0)) }),
            ("n_iter", fields.nIter.map { .number(Double($0)) }),
            ("sampler_name", fields.samplerName.map { .text($0) }),
            ("send_images", fields.sendImages.map { .flag($0) }),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, value in value.map { (name, $0) } })
    }
}

/// The answer to AUTOMATIC1111's `progress`.
struct WebUIProgress: Encodable {
    struct State: Encodable {
        let skipped = false
        let interrupted = false
        let stoppingGeneration = false
        let job: String
        let jobCount: Int
        let jobNo: Int
        let jobTimestamp: String
        let samplingStep: Int
        let samplingSteps: Int

        enum CodingKeys: String, CodingKey {
            case skipped, interrupted, stoppingGeneration, job, jobCount, jobNo, jobTimestamp, samplingStep
            case samplingSteps
        }
    }

    let progress: Double
    /// Seconds.
    let etaRelative: Double
    let state: State
    let currentImage: String?
    let textinfo: String?

    /// - Parameters:
    ///   - job: The job that runs; nil if none does.
    ///   - newest: The newest step of a job of this interface.
    init(_ job: JobStatus?, _ newest: (step: SamplingWork.Step, started: Date)?, showsImage: Bool) {
        let step = newest.flatMap { newest in newest.step.job == job?.id ? newest : nil }
        let done = job.map { $0.total > 0 ? Double($0.done) / Double($0.total) : 0 } ?? 0
        progress = done
        let elapsed = step.map { Date().timeIntervalSince($0.started) } ?? 0
        etaRelative = done > 0 ? elapsed / done * (1 - done) : 0
        state = State(
            job: job?.id ?? "", jobCount: job == nil ? 0 : 1, jobNo: 0,
            jobTimestamp: job.map { String(Int($0.created)) } ?? "0", samplingStep: step?.step.step ?? 0,
            samplingSteps: step?.step.steps ?? 0)
        currentImage = showsImage ? step?.step.pictures.first?.base64EncodedString() : nil
        textinfo = nil
    }

    enum CodingKeys: String, CodingKey { case progress, etaRelative, state, currentImage, textinfo }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(progress, forKey: .progress)
        try values.encode(etaRelative, forKey: .etaRelative)
        try values.encode(state, forKey: .state)
        try values.encode(currentImage, forKey: .currentImage)
        try values.encode(textinfo, forKey: .textinfo)
    }
}
