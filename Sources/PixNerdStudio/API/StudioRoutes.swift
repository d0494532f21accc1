import Foundation
import Hummingbird
import PixNerdSampling
import PixNerdSupport

/// The routes of the page, under `/api`.
struct StudioRoutes: Sendable {
    let studio: StudioContext

    private struct Jobs: Encodable { let job: JobStatus }
    private struct Models: Encodable { let models: [ModelEntry] }
    private struct Pictures: Encodable {
        let pictures: [PictureRecord]
        let more: Bool
    }
    private struct SwitchRequest: Decodable { let whileTraining: String }
    private struct TokenRequest: Decodable { let token: String }
    private struct InputRequest: Decodable { let data: String }
    private struct Input: Encodable { let id: String }

    func add(to router: Router<StudioRequestContext>) {
        let studio = self.studio
        addSession(to: router)
        router.get("/api/state") { _, _ in Response.json(await studio.state()) }
        router.post("/api/state") { request, _ in
            let wish = try await request.value(SwitchRequest.self).whileTraining
            guard let choice = WhileTraining(rawValue: wish) else {
                throw StudioFailure.invalid(
                    "while_training is '\(wish)'; expected wait or interrupt.", parameter: "while_training")
            }
            await studio.training.set(choice)
            return Response.noContent
        }
        router.get("/api/events") { _, _ in
            try studio.events.response(first: EventHub.event("state", await studio.state()))
        }
        router.get("/api/models") { _, _ in Response.json(Models(models: await studio.models.all())) }
        router.get("/api/samplers") { _, _ in Response.json(SamplerEntry.Answer(samplers: SamplerEntry.all)) }
        addInputs(to: router)
        addJobs(to: router)
        addPictures(to: router)
    }

    private func addSession(to router: Router<StudioRequestContext>) {
        let token = studio.options.token
        router.post(RouterPath(StudioToken.path)) { request, _ in
            let given = try await request.value(TokenRequest.self).token
            guard let token, StudioToken(token).equals(given) else {
                // A guess costs time, however many are made at once.
                try await Task.sleep(for: .milliseconds(300))
                throw StudioFailure(.unauthorized, "This is not the studio's token.", code: "token")
            }
            return StudioToken.session(token)
        }
    }

    private func addJobs(to router: Router<StudioRequestContext>) {
        let queue = studio.queue
        router.post("/api/jobs") { request, _ in
            let job = try await queue.submit(request.value(SampleRequest.self))
            return Response.json(Jobs(job: job), status: .accepted)
        }
        router.get("/api/jobs/:id") { _, context in
            Response.json(Jobs(job: try await queue.status(context.text("id"))))
        }
        router.delete("/api/jobs/:id") { _, context in
            try await queue.cancel(context.text("id"))
            return Response.noContent
        }
    }

    private func addInputs(to router: Router<StudioRequestContext>) {
        let inputs = studio.inputs
        router.post("/api/inputs") { request, _ in
            let data = try await request.value(InputRequest.self).data
            return Response.json(Input(id: try inputs.add(base64: data, field: "data")))
        }
        router.get("/api/inputs/:id") { _, context in
            Response.bytes(try inputs.bytes(context.text("id")), type: "application/octet-stream")
        }
    }

    private func addPictures(to router: Router<StudioRequestContext>) {
        let gallery = studio.gallery
        router.get("/api/pictures") { request, _ in
            let query = request.uri.queryParameters
            let limit = try Self.number(query["limit"].map(String.init) ?? "60", "limit", in: 1...200)
            let page = await gallery.page(before: query["before"].map(String.init), limit: limit)
            return Response.json(Pictures(pictures: page.records, more: page.hasMore))
        }
        router.get("/api/pictures/:id") { request, context in
            let id = try context.text("id")
            var response = Response.png(try await gallery.png(id))
            response.headers[.cacheControl] = "private, max-age=31536000, immutable"
            if request.uri.queryParameters["download"] != nil {
                let record = try await gallery.record(id)
                let name = "\(record.model)-\(record.prompt)-seed\(record.seed)".map { character in
                    character.isASCII && (character.isLetter || character.isNumber || character == "-")
                        ? character : "_"
                }
                response.headers[.contentDisposition] = "attachment; filename=\"\(String(name.prefix(100))).png\""
            }
            return response
        }
        router.get("/api/pictures/:id/record") { _, context in
            Response.json(try await gallery.record(context.text("id")))
        }
        router.get("/api/pictures/:id/frames/:step") { _, context in
            let step = try Self.number(context.text("step"), "step", in: 1...SampleRequest.mostSteps)
            return Response.png(try await gallery.frame(context.text("id"), step))
        }
        router.delete("/api/pictures/:id") { _, context in
            try await gallery.remove(context.text("id"))
            return Response.noContent
        }
    }

    /// A whole number of a request's address.
    static func number(_ text: String, _ field: String, in range: ClosedRange<Int>) throws -> Int {
        guard let number = Int(text), range.contains(number) else {
            throw StudioFailure.invalid(
                "\(field) is '\(text.prefix(30))'; it must be from \(range.lowerBound) to \(range.upperBound).",
                parameter: field)
        }
        return number
    }
}

extension RequestContext {
    /// A part of the request's path, decoded.
    ///
    /// - Throws: `StudioFailure` if it is no text.
    func text(_ name: String) throws -> String {
        guard let text = try parameters.require(name).removingPercentEncoding else {
            throw StudioFailure.invalid("The address has a damaged escape.")
        }
        return text
    }
}

/// A sampler as the page names it.
struct SamplerEntry: Encodable, Sendable {
    struct Answer: Encodable, Sendable { let samplers: [SamplerEntry] }

    let id: String
    let name: String
    let help: String

    static let all = SamplerName.allCases.map { sampler in
        let (name, help) =
            switch sampler {
            case .euler: ("Euler", "One evaluation a step.")
            case .heun: ("Heun", "One evaluation a step, of second order.")
            case .heunExact: ("Heun, exact", "Two evaluations a step.")
            case .adams: ("Adams-Bashforth", "One evaluation a step; uses the last velocities.")
            case .dpm: ("DPM-Solver++(2M)", "For few guided steps.")
            case .unipc: ("UniPC", "For few guided steps; uses the last predictions.")
            case .sde: ("Euler-Maruyama", "Adds noise in each step.")
            }
        return SamplerEntry(id: sampler.rawValue, name: name, help: help)
    }
}
