import Foundation
import Hummingbird
import PixNerdSupport

/// An error as the server answers it: a status, and a sentence for a person in the form of OpenAI's errors.
struct StudioFailure: Error, Sendable {
    let status: HTTPResponse.Status
    let message: String
    /// The field of the request that is wrong; nil if none is.
    var parameter: String?
    /// A word for programs, such as `queue_full`.
    let code: String
    /// Seconds after which the same request may succeed; nil if it will not.
    var retryAfter: Int?

    init(
        _ status: HTTPResponse.Status, _ message: String, parameter: String? = nil, code: String, retryAfter: Int? = nil
    ) {
        (self.status, self.message, self.parameter) = (status, message, parameter)
        (self.code, self.retryAfter) = (code, retryAfter)
    }

    static func invalid(_ message: String, parameter: String? = nil) -> StudioFailure {
        StudioFailure(.badRequest, message, parameter: parameter, code: "invalid_value")
    }

    static func notFound(_ message: String) -> StudioFailure {
        StudioFailure(.notFound, message, code: "not_found")
    }

    /// The failure that an error of the library or of the server is.
    init(_ error: any Error) {
        switch error {
        case let failure as StudioFailure: self = failure
        case let error as PixNerdError:
            let status: HTTPResponse.Status =
                switch error.kind {
                case .notFound, .malformed, .mismatch, .invalidValue, .unsupported, .notFinite: .badRequest
                case .alreadyExists: .conflict
                case .system: .serviceUnavailable
                }
            self.init(status, error.sentence(naming: RequestFields.name), code: error.kind.rawValue)
        case let error as HTTPError:
            self.init(error.status, Self.sentence(of: error), code: "http")
        case is CancellationError:
            self.init(.serviceUnavailable, "The request was cancelled.", code: "cancelled")
        default:
            self.init(.internalServerError, "The server failed: \(error).", code: "internal")
        }
    }

    private static func sentence(of error: HTTPError) -> String {
        if let body = error.body, !body.isEmpty { return body.hasSuffix(".") ? body : body + "." }
        return error.status == .notFound ? "There is nothing at this address." : "\(error.status.reasonPhrase)."
    }

    /// The JSON of an answer.
    struct Body: Encodable {
        struct Failure: Encodable {
            let message: String
            let type: String
            let param: String?
            let code: String

            // All four keys are expected, also those that are null.
            func encode(to encoder: any Encoder) throws {
                var values = encoder.container(keyedBy: CodingKeys.self)
                try values.encode(message, forKey: .message)
                try values.encode(type, forKey: .type)
                try values.encode(param, forKey: .param)
                try values.encode(code, forKey: .code)
            }

            enum CodingKeys: String, CodingKey { case message, type, param, code }
        }
        let error: Failure
        /// The sentence where clients of AUTOMATIC1111 look for it.
        let detail: String
    }

    var body: Body {
        let type = status.code < 500 ? "invalid_request_error" : "server_error"
        return Body(error: .init(message: message, type: type, param: parameter, code: code), detail: message)
    }

    var response: Response {
        var response = Response.json(body, status: status)
        if let retryAfter { response.headers[.retryAfter] = String(retryAfter) }
        if status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer realm=\"pixnerd studio\"" }
        // What is left of a body that was refused need not be read.
        if status == .contentTooLarge { response.headers[.connection] = "close" }
        return response
    }
}

/// The names that the library's settings have in requests.
enum RequestFields {
    static func name(_ setting: Setting) -> String {
        switch setting {
        case .controlPicture: return "control"
        case .controlPhotograph: return "control_kind 'photograph'"
        // The studio opens no path of a request.
        case .edgeNetwork: return "pixnerd sample"
        default: break
        }
        return setting.rawValue.reduce(into: "") { name, character in
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
    }
}
