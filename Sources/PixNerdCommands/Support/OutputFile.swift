import Foundation
import PixNerdSupport

/// Checks before the work that a file may be written when it is done.
///
/// - Parameters:
///   - option: the option that names the file.
///   - ending: the extension that its name must have; nil if any will do.
/// - Throws: `CommandError` if it has another, or exists and may not be overwritten; `PixNerdError` if it cannot be
///   written.
func expectOutput(_ option: String, _ path: String, ending: String? = nil, overwrites: Bool) throws {
    if let ending, fileExtension(path) != ending {
        throw CommandError("\(option) is '\(path)'; expected a name that ends in .\(ending).")
    }
    if !overwrites, FileManager.default.fileExists(atPath: path) {
        throw CommandError("\(path) already exists; choose another name, or overwrite it with --overwrite.")
    }
    try expectWritable(path)
}
