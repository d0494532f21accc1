import Foundation
import Hummingbird
import PixNerdSampling
import PixNerdSupport
import Synchronization

/// A request of AUTOMATIC1111's `txt2img` or `img2img`, and its answer.
struct WebUIGeneration: Sendable {
    let studio: StudioContext
    let session: WebUISession
    /// Whether the request has a picture to begin with, as `img2img` does.
    let takesImage: Bool

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
        var subseed: Int64?
        var subseedStrength: Float?
        var initImages: [String]?
        var denoisingStrength: Float?
        var mask: String?
        var inpaintingMaskInvert: Int?
        var alwaysonScripts: WebUIControl?
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

        /// - Parameters:
        ///   - records: The pictures, with the settings that were used; empty after an interruption.
        ///   - images: Number of images in the answer.
        init(
            _ fields: Fields, _ sample: SampleRequest, _ records: [PictureRecord], images: Int, interrupted: Bool
        ) {
            let first = records.first
            prompt = fields.prompt ?? ""
            allPrompts = sample.prompts.flatMap { prompt in sample.seeds.map { _ in prompt } }
            negativePrompt = fields.negativePrompt ?? ""
            seed = sample.seeds[0]
            allSeeds = sample.prompts.flatMap { _ in sample.seeds }
            width = first?.width ?? fields.width ?? 0
            height = first?.height ?? fields.height ?? 0
            samplerName = first?.settings["sampler"] ?? fields.samplerName ?? ""
            cfgScale = first?.settings["guidance"].flatMap { Float($0) } ?? fields.cfgScale ?? 0
            steps = first?.settings["steps"].flatMap { Int($0) } ?? fields.steps ?? 0
            (batchSize, sdModelName, self.interrupted) = (images, sample.model, interrupted)
            infotexts = records.map(\.parameters)
        }
    }

    /// The newest step of a job.
    private final class NewestStep: Sendable {
        let step = Mutex<SamplingWork.Step?>(nil)
    }

    func answer(_ request: Request, _ client: StudioRequestContext) async throws -> Response {
        let fields = try await request.value(Fields.self)
        let sample = try await sampleRequest(fields)
        let (session, newest) = (session, NewestStep())
        var images: [String] = []
        var records: [PictureRecord] = []
        var isInterrupted = false
        do {
            let pictures = try await studio.queue.pictures(
                sample, for: client,
                onStep: { step in
                    session.note(step)
                    newest.step.withLock { $0 = step }
                })
            images = pictures.map { Data($0.shown).base64EncodedString() }
            records = pictures.map(\.record)
        } catch let failure as StudioFailure where failure.code == "cancelled" {
            // Interrupted: the client gets what was predicted so far, as from the program that it was written for.
            isInterrupted = true
            images = (newest.step.withLock { $0 }?.pictures ?? []).map { $0.base64EncodedString() }
        }
        let info = Info(fields, sample, records, images: images.count, interrupted: isInterrupted)
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
        if let strength = fields.subseedStrength, strength != 0 {
            sample.variationStrength = strength
            sample.variationSeed = ModelChoice.seeds(from: fields.subseed, count: 1)[0]
        }
        if takesImage { try addImage(fields, to: &sample) }
        try fields.alwaysonScripts?.add(to: &sample, studio.inputs)
        return sample
    }

    private func addImage(_ fields: Fields, to sample: inout SampleRequest) throws {
        guard let images = fields.initImages, images.count == 1 else {
            throw StudioFailure.invalid(
                "init_images has \(fields.initImages?.count ?? 0) pictures; give one.", parameter: "init_images")
        }
        sample.image = try studio.inputs.add(base64: images[0], field: "init_images")
        sample.strength = fields.denoisingStrength ?? 0.75
        guard let mask = fields.mask, !mask.isEmpty else { return }
        sample.mask = try studio.inputs.add(base64: mask, field: "mask")
        if fields.inpaintingMaskInvert == 1 { sample.maskKind = EditOptions.MaskKind.black.rawValue }
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
            ("subseed", fields.subseed.map { .number(Double($0)) }),
            ("subseed_strength", fields.subseedStrength.map { .number(Double($0)) }),
            ("denoising_strength", fields.denoisingStrength.map { .number(Double($0)) }),
        ]
        return Dictionary(uniqueKeysWithValues: all.compactMap { name, value in value.map { (name, $0) } })
    }
}
