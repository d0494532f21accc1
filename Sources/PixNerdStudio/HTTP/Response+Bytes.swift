import Foundation
import Hummingbird
import PixNerdSupport

extension Response {
    /// A value as JSON with names in snake case.
    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        guard let data = try? JSON.encoder(snakeCase: true).encode(value) else {
            return Response(status: .internalServerError)
        }
        return Response.bytes(data, type: "application/json", status: status)
    }

    static func bytes(
        _ bytes: some Sequence<UInt8>, type: String, status: HTTPResponse.Status = .ok
    ) -> Response {
        let buffer = ByteBuffer(bytes: bytes)
        return Response(
            status: status, headers: [.contentType: type, .contentLength: String(buffer.readableBytes)],
            body: ResponseBody(byteBuffer: buffer))
    }

    static func png(_ bytes: some Sequence<UInt8>) -> Response { self.bytes(bytes, type: "image/png") }

    static var noContent: Response { Response(status: .noContent) }
}

extension Request {
    /// The body as a value, whose names are in snake case.
    ///
    /// - Throws: `StudioFailure` that names the field which cannot be read.
    func value<Value: Decodable>(_ type: Value.Type) async throws -> Value {
        let bytes = try await collected()
        do {
            return try JSON.decoder(snakeCase: true).decode(type, from: Data(buffer: bytes))
        } catch let error as DecodingError {
            throw StudioFailure(reading: error)
        }
    }

    /// The body as a form with files.
    ///
    /// - Throws: `StudioFailure` if it is none.
    func form() async throws -> MultipartForm {
        try MultipartForm(Array(buffer: try await collected()), type: headers[.contentType] ?? "")
    }

    /// Maximum number of bytes of the body: more where pictures are sent.
    var bodyLimit: Int {
        ["/api/inputs", "/sdapi/v1/txt2img", "/sdapi/v1/img2img", OpenAIRoutes.edits].contains(uri.path)
            ? 32 << 20 : 1 << 20
    }
    /// Maximum number of seconds in which a body must arrive.
    private static let bodySeconds = 20

    /// The whole body, if it is small and arrives soon.
    private func collected() async throws -> ByteBuffer {
        let (body, limit) = (self.body, bodyLimit)
        return try await withThrowingTaskGroup(of: ByteBuffer.self) { group in
            group.addTask {
                var all = ByteBuffer()
                for try await part in body {
                    guard all.readableBytes + part.readableBytes <= limit else {
                        throw StudioFailure(
                            .contentTooLarge, "The request has more than \(limit) bytes.", code: "too_large")
                    }
                    all.writeImmutableBuffer(part)
                }
                return all
            }
            group.addTask {
                try await Task.sleep(for: .seconds(Self.bodySeconds))
                throw StudioFailure(
                    .requestTimeout, "The request did not arrive within \(Self.bodySeconds) seconds.", code: "timeout")
            }
            defer { group.cancelAll() }
            return try await group.next()!
        }
    }
}

extension StudioFailure {
    /// The failure of a body that is no JSON, or lacks or misuses a field.
    fileprivate init(reading error: DecodingError) {
        func name(_ path: [any CodingKey]) -> String {
            path.map { $0.intValue.map { "[\($0)]" } ?? RequestFields.name(Setting(rawValue: $0.stringValue)) }
                .joined(separator: ".").replacingOccurrences(of: ".[", with: "[")
        }
        switch error {
        case .keyNotFound(let key, let context):
            let field = name(context.codingPath + [key])
            self = .invalid("\(field) is missing.", parameter: field)
        case .typeMismatch(let type, let context), .valueNotFound(let type, let context):
            let field = name(context.codingPath)
            self = .invalid(
                field.isEmpty
                    ? "The request is no JSON object." : "\(field) is not \(Self.kind(of: type)).",
                parameter: field.isEmpty ? nil : field)
        case .dataCorrupted(let context):
            let field = name(context.codingPath)
            self = .invalid(
                field.isEmpty ? "The request is no JSON." : "\(field) cannot be read: \(context.debugDescription)",
                parameter: field.isEmpty ? nil : field)
        @unknown default:
            self = .invalid("The request cannot be read.")
        }
    }

    private static func kind(of type: any Any.Type) -> String {
        switch type {
        case is String.Type: "text"
        case is Bool.Type: "true or false"
        case is any FixedWidthInteger.Type: "a whole number in range"
        case is any BinaryFloatingPoint.Type: "a number"
        case is [String: any Decodable].Type, is [String: String].Type: "an object"
        default: "of the expected kind"
        }
    }
}
