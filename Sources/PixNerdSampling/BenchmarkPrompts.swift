import Foundation
import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport

/// A layout of files that the scorer of a text-to-image benchmark reads.
public enum BenchmarkLayout: String, Sendable, CaseIterable, Codable {
    /// GenEval (Ghosh et al., arXiv 2310.11513): a folder for each prompt, such as `00000`, with its line of the prompts'
    /// file in `metadata.jsonl`, and `samples/0000.png` and on.
    case geneval
    /// DPG-Bench (Hu et al., ELLA, arXiv 2403.05135): a sheet of two by two images for each prompt, named like the
    /// prompt's file.
    case dpg
}

/// The prompts of a benchmark, as it publishes them.
public struct BenchmarkPrompts: Sendable {
    /// A prompt with what its folder or file is made of.
    struct Entry: Sendable {
        let prompt: String
        /// GenEval's line; the name of DPG-Bench's file.
        let source: String
    }

    public let layout: BenchmarkLayout
    /// The file or folder of the prompts.
    public let path: String
    let entries: [Entry]

    private static let mostBytes = 1 << 26

    /// Reads prompts.
    ///
    /// - Parameter path: GenEval's `evaluation_metadata.jsonl` or one with rephrased prompts; DPG-Bench's folder of text
    ///   files.
    /// - Throws: `PixNerdError` naming the line or file that is not as expected.
    public init(_ layout: BenchmarkLayout, path: String) throws {
        (self.layout, self.path) = (layout, path)
        entries =
            switch layout {
            case .geneval: try Self.lines(path)
            case .dpg: try Self.files(path)
            }
        guard !entries.isEmpty else {
            throw PixNerdError(.malformed, "\(path)", found: "has no prompts")
        }
    }

    public var texts: [String] { entries.map(\.prompt) }

    private static func text(_ path: String) throws -> String {
        let file = try MappedFile(path: path, kind: "prompts")
        guard file.bytes.count <= mostBytes, let text = String(validating: file.bytes, as: UTF8.self) else {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not UTF-8 text of at most \(mostBytes) bytes",
                advice: "give the file that the benchmark publishes")
        }
        try file.checkLength()
        return text
    }

    /// Lines by line feeds alone, as the benchmarks' own programs read them: a text may hold Unicode's other separators.
    private static func lines(of text: String) -> [String] {
        text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
    }

    private static func lines(_ path: String) throws -> [Entry] {
        struct Line: Decodable { let prompt: String }
        return try lines(of: text(path)).enumerated().filter { !$1.allSatisfy(\.isWhitespace) }.map { number, line in
            guard let prompt = JSON.value(Line.self, from: line)?.prompt else {
                throw PixNerdError(
                    .malformed, "\(path):", found: "line \(number + 1) is no JSON object with a prompt",
                    expected: "GenEval's evaluation_metadata.jsonl")
            }
            return Entry(prompt: prompt, source: line)
        }
    }

    private static func files(_ folder: String) throws -> [Entry] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw PixNerdError(
                .notFound, "\(folder)", found: "is no folder that can be read",
                expected: "DPG-Bench's folder with a .txt for each prompt")
        }
        let entries = try names.filter { $0.hasSuffix(".txt") && !$0.hasPrefix(".") }.sorted().map { name in
            let prompts = try lines(of: text("\(folder)/\(name)")).lazy.map { $0.trimmingCharacters(in: .whitespaces) }
            let prompt = prompts.first { !$0.isEmpty } ?? ""
            guard !prompt.isEmpty else {
                throw PixNerdError(.malformed, "\(folder)/\(name)", found: "has no prompt in its first line")
            }
            return Entry(prompt: prompt, source: String(name.prefix { $0 != "." }))
        }
        guard Set(entries.map(\.source)).count == entries.count else {
            throw PixNerdError(
                .malformed, "\(folder)", found: "has two files whose names are equal up to their first dot",
                advice: "rename one of them")
        }
        return entries
    }

    /// A request for each prompt and seed, prompt by prompt.
    ///
    /// - Throws: `PixNerdError` if the layout wants another number of images.
    public func requests(seeds: [UInt64]) throws -> [PictureRequest] {
        guard layout != .dpg || seeds.count == 4 else {
            throw PixNerdError(
                .invalidValue, "\(Setting.seeds)", found: "has \(seeds.count) seeds",
                expected: "four, one for each image of DPG-Bench's sheets of two by two")
        }
        return RequestList.each(prompts: texts.map(Prompt.text), seeds: seeds)
    }

    /// The file of each request, below the output folder.
    ///
    /// - Parameter count: Number of requests.
    func files(of count: Int) -> [String] {
        let each = count / entries.count
        return (0..<count).map { place in
            let (entry, number) = (place / each, place % each)
            return switch layout {
            case .geneval: "\(entry.zeroPadded(to: 5))/samples/\(number.zeroPadded(to: 4)).png"
            case .dpg: "\(entries[entry].source).png"
            }
        }
    }

    /// Writes what the scorer reads besides images.
    func writeMetadata(in folder: String) throws {
        guard layout == .geneval else { return }
        for (number, entry) in entries.enumerated() {
            let path = "\(folder)/\(number.zeroPadded(to: 5))"
            try makeFolder("\(path)/samples")
            try AtomicFile.write(Data((entry.source + "\n").utf8), to: "\(path)/metadata.jsonl")
        }
    }
}
