import Foundation
import HTTPTypes
import Hummingbird

/// Refuses requests that the user of the page did not make: of other sites, under foreign names of this machine, without
/// the token, or in a form that a browser sends for any page.
struct StudioGuard<Context: RequestContext>: RouterMiddleware {
    let token: StudioToken?
    /// Names of the server, lower case, besides numeric addresses.
    let hosts: Set<String>
    /// Web origins whose pages may call.
    let origins: Set<String>

    init(_ options: StudioOptions) {
        token = options.token.map(StudioToken.init)
        hosts = Set((["localhost"] + options.hosts).map { $0.lowercased() })
        origins = Set(options.origins.map { $0.lowercased() })
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let host = try expectHost(request)
        let foreign = try expectOrigin(request, host: host)
        if request.method == .options, let foreign { return Self.permission(for: foreign) }
        guard let foreign else { return try await answer(request, context, next) }
        var response: Response
        do {
            response = try await answer(request, context, next)
        } catch let failure as StudioFailure {
            // Pages read what is wrong only if they may.
            response = failure.response
        }
        response.headers[.accessControlAllowOrigin] = foreign
        return response
    }

    private func answer(
        _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        try expectForm(request)
        try expectToken(request)
        return try await next(request, context)
    }

    /// The server as the request names it. A foreign name means that some other site's name leads to this machine
    /// (DNS rebinding), and its pages would be taken as the studio's own.
    private func expectHost(_ request: Request) throws -> String {
        guard let authority = request.head.authority?.lowercased(), !authority.isEmpty,
            request.headers[values: .host].isEmpty
        else {
            throw StudioFailure(.badRequest, "The request names no host, or several.", code: "host")
        }
        let name = Self.name(ofHost: authority)
        guard hosts.contains(name) || Self.isNumeric(name) else {
            throw StudioFailure(
                .forbidden,
                "The studio is not known as '\(name)'; open it by its address, or start it with that name allowed.",
                code: "host")
        }
        return authority
    }

    /// The host without its port.
    private static func name(ofHost authority: String) -> String {
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[authority.index(after: authority.startIndex)..<end])
        }
        return String(authority.prefix { $0 != ":" })
    }

    /// Whether a name is a numeric address, which no name server can direct elsewhere.
    private static func isNumeric(_ name: String) -> Bool {
        var (four, six) = (in_addr(), in6_addr())
        return inet_pton(AF_INET, name, &four) == 1 || inet_pton(AF_INET6, name, &six) == 1
    }

    /// - Returns: The listed foreign origin of the request; nil for the page's own, and for programs that name none.
    private func expectOrigin(_ request: Request, host: String) throws -> String? {
        guard let origin = request.headers[.origin]?.lowercased() else {
            // A browser that sends no origin says at least whether another site asks.
            guard let site = request.headers[.secFetchSite], site == "cross-site",
                !StudioAssets.isPublic(request.uri.path)
            else { return nil }
            throw refused(site)
        }
        if origin == "http://\(host)" || origin == "https://\(host)" { return nil }
        // "null" stands for files and sandboxed frames of any site.
        guard origin != "null", origins.contains(origin) else { throw refused(origin) }
        return request.headers[.origin]
    }

    private func refused(_ origin: String) -> StudioFailure {
        StudioFailure(
            .forbidden, "Pages of \(origin) may not use the studio; start it with that origin allowed.", code: "origin")
    }

    private static func permission(for origin: String) -> Response {
        Response(
            status: .noContent,
            headers: [
                .accessControlAllowOrigin: origin, .accessControlAllowMethods: "GET, POST, DELETE",
                .accessControlAllowHeaders: "Content-Type, Authorization", .accessControlMaxAge: "600",
            ])
    }

    /// Bodies must be JSON, which a browser sends to another site only after asking, and not compressed, since a few
    /// bytes could unfold to gigabytes. A form with files has its own address; of another site's page the origin tells.
    private func expectForm(_ request: Request) throws {
        if let encoding = request.headers[.contentEncoding], encoding.lowercased() != "identity" {
            throw StudioFailure(
                .unsupportedMediaType, "Bodies may not be compressed, and this one is (\(encoding)).", code: "encoding")
        }
        if let length = request.headers[.contentLength].flatMap({ Int($0) }), length > request.bodyLimit {
            throw StudioFailure(
                .contentTooLarge, "The request has \(length) bytes; at most \(request.bodyLimit) are taken.",
                code: "too_large")
        }
        guard request.method == .post || request.method == .put || request.method == .patch,
            request.uri.path != OpenAIRoutes.missing
        else { return }
        let hasBody = request.headers[.transferEncoding] != nil || request.headers[.contentLength] ?? "0" != "0"
        // Clients send commands such as `interrupt` without a body; of another site's page the origin tells.
        guard hasBody || request.headers[.contentType] != nil else { return }
        let type = (request.headers[.contentType] ?? "").prefix { $0 != ";" }
        let expected = request.uri.path == OpenAIRoutes.edits ? "multipart/form-data" : "application/json"
        guard type.trimmingCharacters(in: .whitespaces).lowercased() == expected else {
            throw StudioFailure(
                .unsupportedMediaType, "The Content-Type is '\(type)'; this address takes \(expected).",
                code: "content_type")
        }
    }

    private func expectToken(_ request: Request) throws {
        guard let token, !StudioAssets.isPublic(request.uri.path), request.uri.path != StudioToken.path else { return }
        guard token.isShown(by: request) else {
            throw StudioFailure(.unauthorized, "The studio asks for its token.", code: "token")
        }
    }
}
