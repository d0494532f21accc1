import Foundation

/// Copies a diffusers directory with other values in its `config.json`.
///
/// - Parameter changes: new values by key; nil removes a key.
public func copyAutoencoder(from source: String, to target: String, changing changes: [String: Any?]) throws {
    try FileManager.default.copyItem(atPath: source, toPath: target)
    let path = URL(fileURLWithPath: "\(target)/config.json")
    var configuration = try JSONSerialization.jsonObject(with: Data(contentsOf: path)) as? [String: Any] ?? [:]
    for (key, value) in changes { configuration[key] = value }
    try JSONSerialization.data(withJSONObject: configuration).write(to: path)
}
