import Foundation

/// Checks, before the work begins, that a file can be written when the work is done.
///
/// The temporary file of the later write is created and removed again. Unlike a look at permissions, this also finds
/// names that are too long, and folders that only the file system refuses to write to.
///
/// - Throws: `PixNerdError` with the system's reason.
package func expectWritable(_ path: String) throws {
    guard isFolder(path) != true else {
        throw PixNerdError(
            .alreadyExists, "\(path)", found: "is a folder", expected: "the name of a file",
            advice: "choose another name")
    }
    let temporary = AtomicFile.temporaryPath(for: path)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
        let advice: ErrorText? = errno == ENOENT ? "create its folder first" : nil
        throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())", advice: advice)
    }
    close(descriptor)
    unlink(temporary)
}

/// Checks that files to be written are neither files to be read nor each other.
///
/// - Parameters:
///   - outputs: paths to write, each with the name of its setting.
///   - inputs: paths that are read.
/// - Throws: `PixNerdError` that names both.
package func expectApart(_ outputs: [(setting: ErrorText, path: String)], from inputs: [String]) throws {
    var taken: [String: ErrorText] = [:]
    for input in inputs { taken[resolvedPath(input)] = "\(input), which is read" }
    for (setting, path) in outputs {
        if let other = taken.updateValue("\(setting)", forKey: resolvedPath(path)) {
            throw PixNerdError(
                .invalidValue, setting, found: "is '\(path)', the same file as \(other)", advice: "choose another name")
        }
    }
}

/// The extension of a path in lower case, without its dot; empty if there is none, or if the path ends with a slash.
package func fileExtension(_ path: String) -> String {
    guard let name = path.split(separator: "/", omittingEmptySubsequences: false).last,
        let dot = name.lastIndex(of: ".")
    else { return "" }
    return name[name.index(after: dot)...].lowercased()
}
