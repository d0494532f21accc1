import Foundation
import Hummingbird

/// The secret that requests must show where one is set.
struct StudioToken: Sendable {
    /// Where a page gives the token and gets its cookie.
    static let path = "/api/session"
    private static let cookie = "pixnerd_studio"

    private let bytes: [UInt8]

    init(_ text: String) { bytes = Array(text.utf8) }

    /// Whether a text is the token. The time that it takes does not depend on where they differ.
    func equals(_ text: String) -> Bool {
        let other = Array(text.utf8)
        var difference = UInt(bitPattern: bytes.count ^ other.count)
        for (place, byte) in other.enumerated() {
            difference |= UInt(byte ^ bytes[place % max(1, bytes.count)])
        }
        return difference == 0 && !bytes.isEmpty
    }

    /// Whether a request has the token: as a bearer, as the password of any user, or in the page's cookie.
    func isShown(by request: Request) -> Bool {
        if let given = request.headers[.authorization] {
            let parts = given.split(separator: " ", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { return false }
            switch parts[0].lowercased() {
            case "bearer": return equals(parts[1])
            case "basic":
                guard let data = Data(base64Encoded: parts[1]), let text = String(data: data, encoding: .utf8),
                    let colon = text.firstIndex(of: ":")
                else { return false }
                return equals(String(text[text.index(after: colon)...]))
            default: return false
            }
        }
        guard let value = request.cookies[Self.cookie]?.value, let text = value.removingPercentEncoding else {
            return false
        }
        return equals(text)
    }

    /// The answer that gives a page its cookie.
    static func session(_ token: String) -> Response {
        let value = token.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        return Response(
            status: .noContent,
            headers: [.setCookie: "\(cookie)=\(value); Path=/; HttpOnly; SameSite=Strict; Max-Age=2592000"])
    }
}
