import Foundation

/// Whether a path leads to a folder; nil where there is nothing.
package func isFolder(_ path: String) -> Bool? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT == S_IFDIR
}

/// Makes a folder and those that it lies in; one that is there already stays as it is.
///
/// - Throws: `PixNerdError` with the reason of the system.
package func makeFolder(_ path: String) throws {
    do {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
        throw PixNerdError(.system, "\(path)", found: "cannot be created: \(systemReason(error))")
    }
}
