import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdSampling
import PixNerdSupport

struct JudgeShapesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "judge-shapes",
        abstract: "Counts the pictures of coloured shapes that show what their captions say.",
        discussion: """
              pixnerd dataset judge-shapes held-out
              pixnerd dataset judge-shapes pictures --captions captions.txt

            A folder of pixnerd sample knows its prompts. Captions are those of `pixnerd dataset shapes --captions`. \
            The rule is in docs/evaluation.md.
            """)

    @Argument(help: "Folder of pictures.")
    var pictures: String

    @Option(
        help: """
            File with a caption in each line, in the order of the pictures' names (default: the prompts in manifest.json, \
            else a.txt beside each a.png).
            """)
    var captions: String?

    @Flag(help: "Print JSON, with what was seen in each picture.")
    var json = false

    func run() throws {
        let scores: ShapeScores
        if let captions {
            scores = try ShapeScores(ImageCollection.pictures(below: pictures), captions: Self.lines(of: captions))
        } else if FileManager.default.fileExists(atPath: manifest) {
            let collection = try ImageCollection.pictures(below: pictures)
            scores = try ShapeScores(collection, captions: prompts(of: collection))
        } else {
            scores = try ShapeScores(ImageCollection.open(root: pictures, captions: CaptionOptions()))
        }
        let summary = Summary(scores)
        print(json ? try JSON.text(summary, isPretty: true) : Self.text(summary))
    }

    /// The manifest of a folder of samples.
    private var manifest: String { "\(pictures)/manifest.json" }

    /// The prompts of samples, by the manifest.
    private func prompts(of collection: ImageCollection) throws -> [String] {
        var prompts: [[UInt8]: String] = [:]
        for picture in try SampleManifest(path: manifest).pictures {
            if let file = picture.file { prompts[Array(file.utf8)] = picture.prompt }
        }
        return try collection.samples.map { sample in
            let name = sample.name.utf8.split(separator: UInt8(ascii: "/")).last.map { Array($0) } ?? []
            guard let prompt = prompts[name] else {
                throw PixNerdError(
                    .notFound, "\(manifest)", found: "has no prompt for \(sample.name)",
                    advice: "give the captions with --captions")
            }
            return prompt
        }
    }

    /// The lines of a file, without empty ones at its end.
    private static func lines(of path: String) throws -> [String] {
        guard let text = String(validating: try readBytes(ofFile: path), as: UTF8.self) else {
            throw PixNerdError(.malformed, "\(path)", found: "is not UTF-8 text", expected: "a caption in each line")
        }
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map(String.init)
        while lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    /// What the pictures of a folder show.
    private struct Summary: Codable {
        let count: Int
        let rightColor: Int
        let rightShape: Int
        let rightBoth: Int
        let rightBackground: Int
        /// Number of pictures that show what is named where their caption says.
        let rightPlace: Int
        /// Number of pictures whose caption says where something is.
        let withPlace: Int
        let pictures: [ShapeScores.Picture]

        init(_ scores: ShapeScores) {
            pictures = scores.pictures
            count = pictures.count
            rightColor = scores.count(\.hasColors)
            rightShape = scores.count(\.hasShapes)
            rightBoth = scores.count(\.hasBoth)
            rightBackground = scores.count(\.hasBackground)
            rightPlace = scores.count { $0.hasPlace == true }
            withPlace = scores.count { $0.hasPlace != nil }
        }
    }

    private static func text(_ summary: Summary) -> String {
        func row(_ name: String, _ right: Int, of all: Int) -> [String] {
            [name, "\(right)", "\(all)", String(format: "%.1f %%", Double(right) * 100 / Double(max(all, 1)))]
        }
        var rows = [
            row("colour", summary.rightColor, of: summary.count), row("shape", summary.rightShape, of: summary.count),
            row("colour and shape", summary.rightBoth, of: summary.count),
            row("background", summary.rightBackground, of: summary.count),
        ]
        if summary.withPlace > 0 { rows.append(row("place", summary.rightPlace, of: summary.withPlace)) }
        return TextTable.lines(["shown as named", "right", "of", "share"], rows).joined(separator: "\n")
    }
}
