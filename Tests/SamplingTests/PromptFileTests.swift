import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdTestSupport
import Testing

@testable import PixNerdSampling

/// Files of prompts, and those of benchmarks.
@Suite struct PromptFileTests {
    private func withFile<R>(_ bytes: some Sequence<UInt8>, _ body: (String) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/prompts"
            try Data(bytes).write(to: URL(fileURLWithPath: path))
            return try body(path)
        }
    }

    @Test func linesAreTakenAsTheyAre() throws {
        // Only a line feed ends a line; other separators and spaces belong to the text.
        let text = "one\n\n two \u{2028} \r\n\r\nthree\tfour\u{85}\u{B}\nlast"
        #expect(
            try withFile(text.utf8) { try PromptFile.lines($0) } == [
                "one", " two \u{2028} ", "three\tfour\u{85}\u{B}", "last",
            ])
    }

    @Test func filesThatHoldNoPrompts() throws {
        try withFile([]) { path in expectSentence(sentence { _ = try PromptFile.lines(path) }, naming: [path]) }
        try withFile("\n\r\n".utf8) { path in
            expectSentence(sentence { _ = try PromptFile.lines(path) }, naming: [path, "no text"])
        }
        try withFile(Array("a\nb\n".utf8) + [0xC3, 0x28]) { path in
            expectSentence(sentence { _ = try PromptFile.lines(path) }, naming: [path, "line 3 is not UTF-8"])
        }
        expectSentence(sentence { _ = try PromptFile.lines("missing.txt") }, naming: ["missing.txt"])
        try withTemporaryDirectory { directory in
            expectSentence(sentence { _ = try PromptFile.lines(directory) }, naming: [directory])
        }
    }

    @Test func genevalKeepsItsLines() throws {
        let lines = [
            "{\"prompt\": \"a\", \"tag\":  \"x\"}", "{\"prompt\": \"b\u{2028}c\\n\"}", " {\"prompt\":\"\"} ",
        ]
        try withFile(Array((lines[0] + "\r\n\n" + lines[1] + "\n" + lines[2]).utf8)) { path in
            let prompts = try BenchmarkPrompts(.geneval, path: path)
            #expect(prompts.texts == ["a", "b\u{2028}c\n", ""])
            #expect(prompts.entries.map(\.source) == lines)
            #expect(
                try prompts.requests(seeds: [3, 5])
                    == ["a", "b\u{2028}c\n", ""].flatMap { text in
                        [3, 5].map { PictureRequest(.text(text), seed: $0) }
                    })
            #expect(
                prompts.files(of: 6)
                    == (0..<3).flatMap { ["0000\($0)/samples/0000.png", "0000\($0)/samples/0001.png"] })
        }
    }

    @Test func dpgTakesTheFirstLineOfEachFile() throws {
        try withTemporaryDirectory { directory in
            func write(_ text: String, _ name: String) throws {
                try text.write(toFile: "\(directory)/\(name)", atomically: true, encoding: .utf8)
            }
            try write(" first \r\nsecond", "b.en.txt")
            try write("\u{2003}other\u{2028}part\n", "10.txt")
            try write("no prompt", "note.md")
            let prompts = try BenchmarkPrompts(.dpg, path: directory)
            #expect(prompts.texts == ["other\u{2028}part", "first"])
            #expect(
                prompts.files(of: 8) == [String](repeating: "10.png", count: 4) + [String](repeating: "b.png", count: 4)
            )
            expectSentence(sentence { _ = try prompts.requests(seeds: [1]) }, naming: ["1 seeds", "four"])
        }
    }

    // MARK: Sheets

    private func sheet(_ count: Int) -> SheetLayout {
        let requests = (0..<count).map { PictureRequest(.text("text \($0)"), seed: 0) }
        return SheetLayout(requests[...], size: (32, 32)) { $0.prompt.text ?? "" }
    }

    @Test func singleImagesWithCaptionsStandInColumns() {
        let picture = RGBImage(width: 32, height: 32, fill: (9, 9, 9))
        func size(_ count: Int) -> (width: Int, height: Int) {
            let sheet = sheet(count).sheet([RGBImage](repeating: picture, count: count))
            return (sheet.width, sheet.height)
        }
        let (one, eight, nine, hundred) = (size(1), size(8), size(9), size(100))
        // Up to eight in one column, below each other.
        #expect(eight.width == one.width && eight.height == 2 + 8 * 66)
        #expect(nine.width == 2 * one.width && nine.height == 2 + 5 * 66)
        #expect(hundred.height == 2 + 17 * 66 && hundred.width >= 6 * one.width)
    }
}
