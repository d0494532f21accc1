import Foundation
import Hummingbird
import PixNerdImages
import PixNerdSampling

/// OpenAI's interface for images: `/v1/images/generations`, `/v1/images/edits` and `/v1/models` (openai-openapi, August
/// 2026).
struct OpenAIRoutes: Sendable {
    let studio: StudioContext

    private struct Model: Encodable {
        let id: String
        let object = "model"
        let created: Int
        let ownedBy = "pixnerd"

        enum CodingKeys: String, CodingKey { case id, object, created, ownedBy }
    }
    private struct Models: Encodable {
        let object = "list"
        let data: [Model]

        enum CodingKeys: String, CodingKey { case object, data }
    }

    /// The address to which forms with files are sent.
    static let edits = "/v1/images/edits"
    /// What OpenAI has and this server has not.
    static let missing = "/v1/images/variations"

    func add(to router: Router<StudioRequestContext>) {
        let studio = self.studio
        router.get("/v1/models") { _, _ in
            let times = Dictionary(studio.runs.entries().map { ($0.id, $0.changed) }) { first, _ in first }
            let models = await studio.models.all().filter { $0.error == nil }.map { model in
                Model(id: model.id, created: Int(times[model.id]?.timeIntervalSince1970 ?? 0))
            }
            return Response.json(Models(data: models))
        }
        router.post("/v1/images/generations") { request, client in
            let asked = try await request.value(OpenAIGeneration.self)
            return try await self.answer(asked.sampleRequest(studio), asked, .generation, request, client)
        }
        router.post(RouterPath(Self.edits)) { request, client in
            let form = try await request.form()
            let asked = try OpenAIGeneration(form)
            var sample = try await asked.sampleRequest(studio)
            try self.add(form, asked, to: &sample)
            return try await self.answer(sample, asked, .edit, request, client)
        }
        router.post(RouterPath(Self.missing)) { _, _ -> Response in
            throw StudioFailure(
                .notImplemented, "Variations are made by /v1/images/edits, with the prompt and a strength.",
                code: "not_implemented")
        }
    }

    /// Adds the picture of a form, and what of it is painted: the transparent part of the mask, or else of the picture, or
    /// all of it.
    private func add(_ form: MultipartForm, _ asked: OpenAIGeneration, to sample: inout SampleRequest) throws {
        guard let image = try form.part("image", "image[]") else {
            throw StudioFailure.invalid("image is missing.", parameter: "image")
        }
        let picture = try studio.inputs.add(image.bytes, field: "image")
        let mask = try form.part("mask").map { try studio.inputs.add($0.bytes, field: "mask") }
        let isHoled = try mask == nil && ImageFile.isTransparent(studio.inputs.path(picture, field: "image"))
        (sample.image, sample.mask) = (picture, isHoled ? picture : mask)
        sample.maskKind = sample.mask.map { _ in EditOptions.MaskKind.transparent.rawValue }
        (sample.strength, sample.resample) = (asked.strength, asked.resample)
    }

    /// What is asked for, by the word with which its events begin.
    private enum Kind: String {
        case generation = "image_generation"
        case edit = "image_edit"
    }

    private func answer(
        _ sample: SampleRequest, _ asked: OpenAIGeneration, _ kind: Kind, _ request: Request,
        _ client: StudioRequestContext
    ) async throws -> Response {
        guard asked.stream == true else { return try await answer(sample, asked, request, client) }
        return try await stream(sample, asked, kind, client)
    }

    private struct Answer: Encodable {
        struct Item: Encodable {
            var b64Json: String?
            var url: String?

            enum CodingKeys: String, CodingKey {
                // As the strategy of snake case would not write it.
                case b64Json = "b64_json"
                case url
            }
        }
        let created: Int
        let data: [Item]
        let outputFormat: String
        let size: String
        let quality = "auto"
        let background = "opaque"
        let usage = Usage()

        enum CodingKeys: String, CodingKey { case created, data, outputFormat, size, quality, background, usage }
    }

    /// Nobody is charged, so nothing is counted.
    struct Usage: Encodable {
        struct Details: Encodable {
            let textTokens = 0
            let imageTokens = 0

            enum CodingKeys: String, CodingKey { case textTokens, imageTokens }
        }
        let totalTokens = 0
        let inputTokens = 0
        let outputTokens = 0
        let inputTokensDetails = Details()

        enum CodingKeys: String, CodingKey { case totalTokens, inputTokens, outputTokens, inputTokensDetails }
    }

    private func answer(
        _ sample: SampleRequest, _ asked: OpenAIGeneration, _ request: Request, _ client: StudioRequestContext
    ) async throws -> Response {
        let pictures = try await studio.queue.pictures(sample, for: client)
        let isLink = asked.responseFormat == "url"
        let items = try pictures.map { picture in
            isLink
                ? Answer.Item(url: "http://\(request.head.authority ?? "")/api/pictures/\(picture.record.id)")
                : Answer.Item(b64Json: try asked.file(of: picture).base64EncodedString())
        }
        return Response.json(
            Answer(
                created: Int(Date().timeIntervalSince1970), data: items,
                outputFormat: asked.outputFormat ?? "png", size: Self.size(pictures.first?.record)))
    }

    private static func size(_ record: PictureRecord?) -> String {
        record.map { "\($0.width)x\($0.height)" } ?? "auto"
    }

    /// An event of a stream.
    private struct Event: Encodable {
        let type: String
        let b64Json: String
        let createdAt: Int
        let size: String
        let quality = "auto"
        let background = "opaque"
        let outputFormat: String
        var partialImageIndex: Int?
        var usage: Usage?

        enum CodingKeys: String, CodingKey {
            case type, createdAt, size, quality, background, outputFormat, partialImageIndex, usage
            case b64Json = "b64_json"
        }
    }

    private func stream(
        _ sample: SampleRequest, _ asked: OpenAIGeneration, _ kind: Kind, _ client: StudioRequestContext
    ) async throws -> Response {
        let partialImages = asked.partialImages ?? 0
        let (steps, continuation) = AsyncStream.makeStream(
            of: SamplingWork.Step.self, bufferingPolicy: .bufferingNewest(4))
        let queue = studio.queue
        let job = try await queue.submit(
            sample, promptField: "prompt",
            onStep: { step in
                let shown = (0..<partialImages).map { (step.steps * ($0 + 1)) / (partialImages + 1) }
                if step.first == 0, shown.contains(step.step) { continuation.yield(step) }
            })
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream"],
            body: ResponseBody { writer in
                let results = Task {
                    defer { continuation.finish() }
                    return try await client.whileConnected {
                        try await queue.results(job.id)
                    } onLeave: {
                        Task { try await queue.cancel(job.id) }
                    }
                }
                let now = Int(Date().timeIntervalSince1970)
                do {
                    var index = 0
                    for await step in steps where !step.pictures.isEmpty {
                        let event = Event(
                            type: "\(kind.rawValue).partial_image", b64Json: step.pictures[0].base64EncodedString(),
                            createdAt: now, size: sample.size ?? "auto", outputFormat: "png", partialImageIndex: index)
                        index += 1
                        if let bytes = EventHub.event(event.type, event) { try await writer.write(bytes) }
                    }
                    for picture in try await results.value {
                        let event = Event(
                            type: "\(kind.rawValue).completed",
                            b64Json: try asked.file(of: picture).base64EncodedString(),
                            createdAt: now, size: Self.size(picture.record), outputFormat: asked.outputFormat ?? "png",
                            usage: Usage())
                        if let bytes = EventHub.event(event.type, event) { try await writer.write(bytes) }
                    }
                } catch let failure as StudioFailure {
                    if let bytes = EventHub.event("error", failure.body) { try await writer.write(bytes) }
                } catch {
                    // The reader is gone.
                    results.cancel()
                    try? await queue.cancel(job.id)
                    throw error
                }
                try await writer.finish(nil)
            })
    }
}
