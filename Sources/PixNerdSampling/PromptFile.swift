import Foundation
import PixNerdSupport

/// Files with a text in each line.
public enum PromptFile {
    private static let mostBytes = 1 << 26

    /// The lines of a file that are not empty.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read, is not UTF-8, or has no text.
    public static func lines(_ path: String) throws -> [String] {
        let file = try MappedFile(path: path, kind: "a file of prompts")
        guard file.bytes.count <= mostBytes else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has \(file.bytes.count) bytes",
                expected: "a text in each line, at most \(mostBytes) bytes")
        }
        try file.checkLength()
        var lines: [String] = []
        for (number, line) in file.bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .enumerated()
        {
            guard let text = String(validating: line, as: UTF8.self) else {
                throw PixNerdError(
                    .malformed, "\(path):", found: "line \(number + 1) is not UTF-8", advice: "save the file as UTF-8")
            }
            let trimmed = text.trimmingCharacters(in: CharacterSet(charactersIn: "\r"))
            if !trimmed.isEmpty { lines.append(trimmed) }
        }
        guard !lines.isEmpty else {
            throw PixNerdError(.malformed, "\(path)", found: "has no text", expected: "a prompt in each line")
        }
        return lines
    }
}
