import Foundation
import PixNerdImages
import PixNerdTestSupport
import Testing

/// `pixnerd sample --layout`: the folders that the scorers of GenEval and DPG-Bench read.
@Suite struct BenchmarkLayoutTests {
    /// Lines as a benchmark may write them: other keys, other spaces, a line separator within a text, Windows' ends.
    private static let lines = [
        "{\"tag\": \"single_object\",  \"include\": [{\"class\": \"bench\", \"count\": 1}], \"prompt\": \"a bench\"}",
        "{\"prompt\":\"two\u{2028}cats\",\"tag\":\"counting\"}",
        "{\"prompt\":\"a bench\",\"tag\":\"again\"}",
    ]

    @Test func genevalHasAFolderForEachPrompt() throws {
        try Workplace.with { place in
            try place.write(Self.lines.joined(separator: "\n") + "\n", to: "metadata.jsonl")
            let arguments = ["--layout", "geneval", "--prompts", "metadata.jsonl", "--batch", "5"]
            let outcome = try place.sampleText("out", arguments)
            #expect(outcome.output == "12 images are in out.\n")
            let files = try place.tree("out")
            let folders = ["00000", "00001", "00002"]
            let pictures = folders.flatMap { folder in (0..<4).map { "\(folder)/samples/000\($0).png" } }
            #expect(
                files.keys.sorted() == (folders.map { "\($0)/metadata.jsonl" } + pictures + ["manifest.json"]).sorted())
            for (folder, line) in zip(folders, Self.lines) {
                #expect(files["\(folder)/metadata.jsonl"] == Data("\(line)\n".utf8))
            }
            let manifest = try place.manifest("out/manifest.json")
            #expect(manifest["layout"] as? String == "geneval" && manifest["prompts"] as? String == "metadata.jsonl")
            let entries = try #require(manifest["pictures"] as? [[String: Any]])
            #expect(entries.compactMap { $0["file"] as? String } == pictures)
            #expect(entries.compactMap { $0["seed"] as? Int } == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3])
            // The picture is that of the prompt and the seed.
            try place.sampleText("plain", ["--prompt", "two\u{2028}cats", "--seeds", "2", "--batch", "5"])
            let plain = try #require(try place.pictureNames(in: "plain").first)
            #expect(try levelsApart(place.path("plain/\(plain)"), place.path("out/00001/samples/0002.png")) <= 1)
            // What is there is kept, and what was lost comes again.
            let kept = try place.bytes("out/00000/samples/0001.png")
            try FileManager.default.removeItem(atPath: place.path("out/00001/samples/0002.png"))
            try kept.write(to: URL(fileURLWithPath: place.path("out/00002/samples/0003.png")))
            let again = try place.sampleText("out", arguments)
            #expect(again.errors.contains("11 of 12 images already exist and are kept"))
            #expect(try place.bytes("out/00002/samples/0003.png") == kept)
            #expect(try place.bytes("out/00001/samples/0002.png") == files["00001/samples/0002.png"])
        }
    }

    @Test func whatWasBeingWrittenIsRemoved() throws {
        try Workplace.with { place in
            try place.write(Self.lines[0] + "\n", to: "metadata.jsonl")
            let arguments = ["--layout", "geneval", "--prompts", "metadata.jsonl", "--seeds", "7"]
            try place.sampleText("out", arguments)
            try place.write("half", to: "out/00000/samples/0000.png.123.partial")
            try place.sampleText("out", arguments)
            #expect(try place.names(in: "out/00000/samples") == ["0000.png"])
        }
    }

    @Test func dpgHasASheetForEachPrompt() throws {
        try Workplace.with { place in
            try place.makeFolder("prompts")
            try place.write("  a bench\t\r\nnotes that no model reads\n", to: "prompts/b.en.txt")
            try place.write("two cats", to: "prompts/10.txt")
            try place.write("not a prompt", to: "prompts/.hidden.txt")
            try place.write("not a prompt", to: "prompts/readme.md")
            let arguments = ["--layout", "dpg", "--prompts", "prompts", "--batch", "3"]
            try place.sampleText("out", arguments)
            #expect(try place.names(in: "out") == ["10.png", "b.png", "manifest.json"])
            try place.sampleText("plain", ["--prompt", "a bench", "--seeds", "0,1,2,3", "--batch", "3"])
            let sheet = try ImageFile.read(place.path("out/b.png"))
            #expect(sheet.width == 32 && sheet.height == 32)
            for seed in 0..<4 {
                let part = sheet.cropped(x: seed % 2 * 16, y: seed / 2 * 16, width: 16, height: 16)
                let single = try ImageFile.read(place.path("plain/a-bench-seed\(seed).png"))
                #expect(zip(part.pixels, single.pixels).allSatisfy { abs(Int($0) - Int($1)) <= 1 }, "\(seed)")
            }
            let manifest = try place.manifest("out/manifest.json")
            let entries = try #require(manifest["pictures"] as? [[String: Any]])
            #expect(
                entries.compactMap { $0["prompt"] as? String } == ["two cats", "a bench"].flatMap { [$0, $0, $0, $0] })
            let (first, second) = (try place.bytes("out/10.png"), try place.bytes("out/b.png"))
            try FileManager.default.removeItem(atPath: place.path("out/b.png"))
            let again = try place.sampleText("out", arguments)
            #expect(again.errors.contains("4 of 8 images already exist and are kept"))
            #expect(try place.bytes("out/b.png") == second && place.bytes("out/10.png") == first)
        }
    }

    @Test func ranksShareABenchmark() throws {
        guard mpirun != nil else { return }
        try Workplace.with { place in
            try place.write(Self.lines.joined(separator: "\n"), to: "metadata.jsonl")
            try place.makeFolder("prompts")
            for name in ["a", "b", "c"] { try place.write("a bench for \(name)", to: "prompts/\(name).txt") }
            for (layout, prompts) in [("geneval", "metadata.jsonl"), ("dpg", "prompts")] {
                let all =
                    Workplace.textSampling + [
                        "--layout", layout, "--prompts", prompts, "--batch", "3", "--threads", "1",
                    ]
                try place.succeed(all + ["--out", "\(layout)-one"])
                try place.succeed(ranks: 3, all + ["--out", "\(layout)-three"])
                #expect(try place.tree("\(layout)-one") == place.tree("\(layout)-three"))
            }
        }
    }

    @Test func promptsThatAreNone() throws {
        try Workplace.with { place in
            func refuse(_ layout: String, _ prompts: String, _ more: [String] = [], naming needed: [String]) throws {
                try place.refuse(
                    Workplace.textSampling + ["--out", "out", "--layout", layout, "--prompts", prompts] + more,
                    naming: needed)
                #expect(!place.exists("out"))
            }
            try place.write("{\"prompt\": \"a\"}\n\n{\"text\": \"b\"}\n", to: "lines")
            try refuse("geneval", "lines", naming: ["lines", "line 3", "no JSON object with a prompt"])
            try place.write("\n\n", to: "empty")
            try refuse("geneval", "empty", naming: ["empty has no prompts"])
            try Data([0x7B, 0xFF]).write(to: URL(fileURLWithPath: place.path("latin")))
            try refuse("geneval", "latin", naming: ["latin is not UTF-8"])
            try refuse("geneval", "missing", naming: ["missing"])
            try refuse("dpg", "missing", naming: ["missing is no folder"])
            try place.makeFolder("folder")
            try refuse("dpg", "folder", naming: ["folder has no prompts"])
            try place.write("a", to: "folder/a.1.txt")
            try place.write("b", to: "folder/a.2.txt")
            try refuse("dpg", "folder", naming: ["two files", "first dot"])
            try place.write("\n\n", to: "folder/a.2.txt")
            try refuse("dpg", "folder", naming: ["a.2.txt has no prompt"])
            try FileManager.default.removeItem(atPath: place.path("folder/a.2.txt"))
            try refuse("dpg", "folder", ["--seeds", "1,2"], naming: ["--seeds has 2 seeds", "four"])
            try refuse("dpg", "folder", ["--per-prompt", "4"], naming: ["--layout", "--seeds"])
            try place.refuse(
                Workplace.textSampling + ["--out", "out.png", "--layout", "dpg", "--prompts", "folder"],
                naming: ["--out is out.png", "writes a folder"])
            try place.refuse(
                Workplace.textSampling + ["--out", "out", "--layout", "dpg"], naming: ["--layout needs", "--prompts"])
            try place.refuse(
                "sample", TextFixture.classModel, "--size", "8", "--out", "out", "--layout", "dpg", "--prompts",
                "folder", naming: ["--layout is given, but the model takes classes"])
        }
    }

    /// The largest difference of the pixels of two files.
    private func levelsApart(_ one: String, _ other: String) throws -> Int {
        let (one, other) = (try ImageFile.read(one), try ImageFile.read(other))
        #expect(one.width == other.width && one.height == other.height)
        return zip(one.pixels, other.pixels).map { abs(Int($0) - Int($1)) }.max() ?? 255
    }
}
