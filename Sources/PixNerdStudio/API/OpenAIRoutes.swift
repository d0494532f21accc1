import Foundation
import Hummingbird

/// OpenAI's interface for images: `/v1/images/generations` and `/v1/models` (openai-openapi, August 2026).
struct OpenAIRoutes: Sendable {
    let studio: StudioContext

    /// The fields that are used; others are ignored. Those from `seed` on are this server's own.
    private struct Generation: Decodable {
        let prompt: String
        var model: String?
        var n: Int?
        var size: String?
        var responseFormat: String?
        var outputFormat: String?
        var stream: Bool?
        var partialImages: Int?
        var seed: Int64?
        var steps: Int?
        var guidance: Float?
        var sampler: String?
        var shift: Float?
    }

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

    /// What OpenAI has and this server has not.
    static let missing = ["/v1/images/edits", "/v1/images/variations"]

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
            let asked = try await request.value(Generation.self)
            let sample = try await self.sampleRequest(asked)
            guard asked.stream == true else { return try await self.answer(sample, asked, request, client) }
            return try await self.stream(sample, partialImages: asked.partialImages ?? 0, client)
        }
        for path in Self.missing {
            router.post(RouterPath(path)) { _, _ -> Response in
                throw StudioFailure(
                    .notImplemented, "Editing of images is not there yet; use /v1/images/generations.",
                    code: "not_implemented")
            }
        }
    }

    private func sampleRequest(_ asked: Generation) async throws -> SampleRequest {
        if let format = asked.outputFormat, format != "png" {
            throw StudioFailure.invalid(
                "output_format is '\(format)'; only png is written, which loses nothing.", parameter: "output_format")
        }
        guard ["b64_json", "url"].contains(asked.responseFormat ?? "b64_json") else {
            throw StudioFailure.invalid(
                "response_format is '\(asked.responseFormat ?? "")'; expected b64_json or url.",
                parameter: "response_format")
        }
        guard (1...10).contains(asked.n ?? 1) else {
            throw StudioFailure.invalid("n is \(asked.n ?? 1); it must be from 1 to 10.", parameter: "n")
        }
        guard (0...3).contains(asked.partialImages ?? 0) else {
            throw StudioFailure.invalid(
                "partial_images is \(asked.partialImages ?? 0); it must be from 0 to 3.", parameter: "partial_images")
        }
        let choice = try await ModelChoice(asked.model, prompt: asked.prompt, studio)
        var sample = SampleRequest(
            model: choice.model, prompts: choice.prompts,
            seeds: ModelChoice.seeds(from: asked.seed, count: asked.n ?? 1))
        if let size = asked.size, size != "auto" { sample.size = try Self.size(size) }
        (sample.steps, sample.guidance) = (asked.steps, asked.guidance)
        (sample.sampler, sample.shift) = (asked.sampler, asked.shift)
        return sample
    }

    /// The size as HEIGHTxWIDTH; OpenAI's sizes name the width first.
    private static func size(_ text: String) throws -> String {
        let sides = text.lowercased().split(separator: "x").map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else {
            throw StudioFailure.invalid(
                "size is '\(text.prefix(30))'; expected WIDTHxHEIGHT, such as 64x48, or auto.", parameter: "size")
        }
        return "\(height)x\(width)"
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
        let outputFormat = "png"
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
        _ sample: SampleRequest, _ asked: Generation, _ request: Request, _ client: StudioRequestContext
    ) async throws -> Response {
        let pictures = try await studio.queue.pictures(sample, for: client)
        let isLink = asked.responseFormat == "url"
        let items = pictures.map { picture in
            isLink
                ? Answer.Item(url: "http://\(request.head.authority ?? "")/api/pictures/\(picture.record.id)")
                : Answer.Item(b64Json: Data(picture.file).base64EncodedString())
        }
        return Response.json(
            Answer(
                created: Int(Date().timeIntervalSince1970), data: items,
                size: Self.size(pictures.first?.record)))
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
        let outputFormat = "png"
        var partialImageIndex: Int?
        var usage: Usage?

        enum CodingKeys: String, CodingKey {
            case type, createdAt, size, quality, background, outputFormat, partialImageIndex, usage
            case b64Json = "b64_json"
        }
    }

    private func stream(
        _ sample: SampleRequest, partialImages: Int, _ client: StudioRequestContext
    ) async throws -> Response {
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
                            type: "image_generation.partial_image", b64Json: step.pictures[0].base64EncodedString(),
                            createdAt: now, size: sample.size ?? "auto", partialImageIndex: index)
                        index += 1
                        if let bytes = EventHub.event(event.type, event) { try await writer.write(bytes) }
                    }
                    for picture in try await results.value {
                        let event = Event(
                            type: "image_generation.completed", b64Json: Data(picture.file).base64EncodedString(),
                            createdAt: now, size: Self.size(picture.record), usage: Usage())
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
