import Foundation

/// A path in which `~` at the start is replaced by the home directory, as a shell does it. Shells leave it alone in
/// quotes and after an equals sign, and nobody replaces it in a configuration file.
///
/// - Parameter subject: what has the path, for messages.
/// - Throws: `PixNerdError` for the home directory of a named user, or if the variable HOME is not set.
package func expandingHome(_ path: String, subject: ErrorText) throws -> String {
    guard path.hasPrefix("~") else { return path }
    let first = path.prefix { $0 != "/" }
    guard first == "~" else {
        throw PixNerdError(
            .invalidValue, subject,
            found: "is '\(path)', but the home directory of another user than yourself is not looked up",
            advice: "write the whole path, or ./\(path) for something of that name in the current directory")
    }
    guard let home = ProcessInfo.processInfo.environment["HOME"], !home.isEmpty else {
        throw PixNerdError(
            .invalidValue, subject, found: "is '\(path)', but the environment variable HOME is not set",
            advice: "write the whole path")
    }
    let rest = path.dropFirst()
    return rest.isEmpty ? home : (home.hasSuffix("/") ? String(home.dropLast()) : home) + rest
}
