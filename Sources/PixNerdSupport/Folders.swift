import Foundation

/// Whether a path leads to a folder; nil if nothing is there.
package func isFolder(_ path: String) -> Bool? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFDIR
}

/// Creates a folder and its parents. An existing folder is left as it is.
///
/// - Throws: `PixNerdError` with the system's reason.
package func makeFolder(_ path: String) throws {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw PixNerdError(.system, "\(path)", found: "cannot be created: \(systemReason(error))")
    }
}

/// A path from the root of the file system, without links as far as it exists.
package func resolvedPath(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.resolvingSymlinksInPath().path
}
