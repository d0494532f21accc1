import Foundation
import Hummingbird
import Synchronization

/// The subset of AUTOMATIC1111's interface that clients use: `/sdapi/v1` (its modules/api/models.py).
struct WebUIRoutes: Sendable {
    let studio: StudioContext
    private let session = WebUISession()

    init(studio: StudioContext) { self.studio = studio }

    func add(to router: Router<StudioRequestContext>) {
        let group = router.group("/sdapi/v1")
        let (studio, session) = (studio, session)
        for name in ["txt2img", "img2img"] {
            group.post(RouterPath(name)) { request, client in
                try await WebUIGeneration(studio: studio, session: session, takesImage: name == "img2img")
                    .answer(request, client)
            }
        }
        group.get("/progress") { request, _ in
            let skipsImage = request.uri.queryParameters["skip_current_image"].map { $0 != "false" } ?? false
            return Response.json(
                WebUIProgress(await studio.queue.current, session.newest(), showsImage: !skipsImage))
        }
        for name in ["interrupt", "skip"] {
            // Clients send it without a body, so that its type is not asked for; a page of another site cannot, because
            // of its origin.
            group.post(RouterPath(name)) { _, _ in
                if let job = await studio.queue.current { try await studio.queue.cancel(job.id) }
                return Response.json([String: String]())
            }
        }
        group.get("/samplers") { _, _ in Response.json(WebUISampler.all) }
        group.get("/schedulers") { _, _ in Response.json([WebUIScheduler(name: "automatic", label: "Automatic")]) }
        group.get("/sd-models") { _, _ in
            Response.json(await studio.models.all().filter { $0.error == nil }.map(WebUIModel.init))
        }
        addOptions(to: group)
        for name in ["upscalers", "loras", "sd-vae", "hypernetworks", "face-restorers", "prompt-styles"] {
            group.get(RouterPath(name)) { _, _ in Response.json([String]()) }
        }
    }

    private func addOptions(to group: RouterGroup<StudioRequestContext>) {
        let (studio, session) = (studio, session)
        group.get("/options") { _, _ in
            let chosen = session.model ?? ""
            let newest = await studio.models.all().first { $0.error == nil }?.id ?? ""
            return Response.json(WebUIOptions(sdModelCheckpoint: chosen.isEmpty ? newest : chosen))
        }
        group.post("/options") { request, _ in
            let options = try await request.value(WebUIOptions.Change.self)
            if let model = options.sdModelCheckpoint {
                session.model = try await ModelChoice(model, prompt: "", studio).model
            }
            return Response.json([String: String]())
        }
    }
}

/// What AUTOMATIC1111's interface remembers between requests.
final class WebUISession: Sendable {
    private let state = Mutex<(model: String?, step: SamplingWork.Step?, started: Date?)>((nil, nil, nil))

    /// The model that was chosen; nil for the newest.
    var model: String? {
        get { state.withLock { $0.model } }
        set { state.withLock { $0.model = newValue } }
    }

    func note(_ step: SamplingWork.Step) {
        state.withLock { state in
            if state.step?.job != step.job { state.started = Date() }
            state.step = step
        }
    }

    /// The newest step of a job of this interface.
    func newest() -> (step: SamplingWork.Step, started: Date)? {
        state.withLock { state in state.step.map { ($0, state.started ?? Date()) } }
    }
}

struct WebUISampler: Encodable {
    let name: String
    let aliases: [String]
    let options: [String: String]

    static let all =
        SamplerEntry.all.map { sampler in
            // Ancestral sampling adds noise in each step, as this one does.
            WebUISampler(
                name: sampler.name, aliases: [sampler.id] + (sampler.id == "sde" ? ["Euler a"] : []), options: [:])
        } + [WebUISampler(name: "Euler a", aliases: ["sde"], options: [:])]

    /// The sampler that a client names; nil for the model's own.
    ///
    /// - Throws: `StudioFailure` that lists the names.
    static func id(_ name: String?) throws -> String? {
        guard let name, !name.isEmpty, name.lowercased() != "automatic" else { return nil }
        if name == "Euler a" { return "sde" }
        // DPM-Solver++(2M) by the name that clients know.
        if name == "DPM++ 2M" { return "dpm" }
        guard let sampler = SamplerEntry.all.first(where: { $0.name == name || $0.id == name }) else {
            throw StudioFailure.invalid(
                "sampler_name is '\(name.prefix(60))'; expected one of "
                    + "\(all.map(\.name).joined(separator: ", ")).", parameter: "sampler_name")
        }
        return sampler.id
    }
}

struct WebUIScheduler: Encodable {
    let name: String
    let label: String
}

struct WebUIModel: Encodable {
    let title: String
    let modelName: String
    let hash: String?
    let sha256: String?
    let filename: String
    let config: String?

    init(_ model: ModelEntry) {
        (title, modelName, filename) = (model.id, model.id, model.id)
        (hash, sha256, config) = (nil, nil, nil)
    }

    enum CodingKeys: String, CodingKey { case title, modelName, hash, sha256, filename, config }

    // Clients expect all keys, also those that are null.
    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(title, forKey: .title)
        try values.encode(modelName, forKey: .modelName)
        try values.encode(hash, forKey: .hash)
        try values.encode(sha256, forKey: .sha256)
        try values.encode(filename, forKey: .filename)
        try values.encode(config, forKey: .config)
    }
}

struct WebUIOptions: Encodable {
    struct Change: Decodable { var sdModelCheckpoint: String? }

    let sdModelCheckpoint: String
    let samplesFormat = "png"

    enum CodingKeys: String, CodingKey { case sdModelCheckpoint, samplesFormat }
}
