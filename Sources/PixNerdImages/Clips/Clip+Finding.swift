import Foundation
import PixNerdSupport

extension Clip {
    /// The films at a path: the file itself, a folder of frames itself, or the films in a folder, by their names.
    ///
    /// - Parameter most: films of a folder, evenly chosen; nil for all.
    /// - Throws: `PixNerdError` if there are none.
    public static func paths(_ path: String, most: Int? = nil) throws -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory.boolValue else {
            return [path]
        }
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: path).filter { !$0.hasPrefix(".") }.sorted(
                by: precedes)
        } catch {
            throw PixNerdError(.system, "\(path)", found: "cannot be read: \(systemReason())")
        }
        let found = names.map { "\(path)/\($0)" }.filter { isFilm($0) }
        guard !found.isEmpty else { return [path] }
        let count = min(most ?? found.count, found.count)
        return (0..<count).map { found[$0 * found.count / count] }
    }

    /// Whether an entry of a folder is a film by itself: a folder, or a file that is no image.
    private static func isFilm(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return false }
        return isDirectory.boolValue || ["npz", "gif", "apng"].contains(fileExtension(path))
    }
}
