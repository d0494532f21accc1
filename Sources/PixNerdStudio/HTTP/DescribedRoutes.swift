import Foundation
import HTTPTypes

/// The addresses of the server with their methods, as its own description (openapi.json) lists them.
enum DescribedRoutes {
    private struct Description: Decodable {
        /// Operations by method, and other entries.
        struct Entry: Decodable {
            let methods: [String]

            init(from decoder: any Decoder) throws {
                struct Key: CodingKey {
                    let stringValue: String
                    var intValue: Int? { nil }
                    init(stringValue: String) { self.stringValue = stringValue }
                    init?(intValue: Int) { nil }
                }
                let keys = try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue)
                methods = keys.filter { ["get", "post", "delete", "put", "patch"].contains($0) }.map { $0.uppercased() }
            }
        }
        let paths: [String: Entry]
    }

    /// The parts of each path, with nil for any text, and its methods.
    private static let routes: [(parts: [String?], methods: [String])] = {
        let description = try? JSONDecoder().decode(Description.self, from: Data(PackageResources.openapi_json))
        return (description?.paths ?? [:]).map { path, entry in
            let parts = path.split(separator: "/").map { $0.hasPrefix("{") ? nil : String($0) }
            return (parts, entry.methods.contains("GET") ? entry.methods + ["HEAD"] : entry.methods)
        }
    }()

    /// The methods that a path takes; nil if there is no such path, or it takes this one.
    static func methods(insteadOf method: HTTPRequest.Method, at path: String) -> [String]? {
        let parts = path.split(separator: "/").map(String.init)
        let fitting = routes.filter { route in
            route.parts.count == parts.count && zip(route.parts, parts).allSatisfy { $0 == nil || $0 == $1 }
        }
        let methods = Set(fitting.flatMap(\.methods))
        return methods.isEmpty || methods.contains(method.rawValue) ? nil : methods.sorted()
    }
}
