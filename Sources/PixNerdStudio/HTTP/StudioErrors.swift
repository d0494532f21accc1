import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// Turns every error into an answer in JSON, and adds the headers that keep browsers from misusing answers.
struct StudioErrors<Context: RequestContext>: RouterMiddleware {
    let logger: Logger

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await next(request, context)
        } catch let error as HTTPParserError {
            // The connection cannot be read any further: the server answers 400 and closes it.
            throw error
        } catch let error as HTTPError where error.status == .notFound {
            response = Self.missing(request, error)
        } catch {
            let failure = StudioFailure(error)
            if failure.status.code == 500 { logger.error("\(request.method) \(request.uri.path): \(failure.message)") }
            response = failure.response
        }
        let headers: [(HTTPField.Name, String)] = [
            (.xContentTypeOptions, "nosniff"), (.referrerPolicy, "no-referrer"),
            (.crossOriginResourcePolicy, "same-origin"),
            (
                .contentSecurityPolicy,
                "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; frame-ancestors 'none'"
            ),
        ]
        for (name, value) in headers where response.headers[name] == nil { response.headers[name] = value }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }
}

extension StudioErrors {
    /// The answer to a request that no route takes: 405 where one takes other methods.
    private static func missing(_ request: Request, _ error: HTTPError) -> Response {
        guard let methods = DescribedRoutes.methods(insteadOf: request.method, at: request.uri.path) else {
            return StudioFailure(error).response
        }
        var response = StudioFailure(
            .methodNotAllowed, "This address takes \(methods.joined(separator: " and ")), not \(request.method).",
            code: "method"
        ).response
        response.headers[.allow] = methods.joined(separator: ", ")
        return response
    }
}

extension HTTPField.Name {
    static let crossOriginResourcePolicy = Self("Cross-Origin-Resource-Policy")!
    /// Holds the hosts that a request names after the first.
    static let host = Self("Host")!
    static let referrerPolicy = Self("Referrer-Policy")!
    static let secFetchSite = Self("Sec-Fetch-Site")!
}
