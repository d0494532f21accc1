import Foundation
import PixNerdTestSupport
import Testing

/// Data sets with captions: making, inspecting and judging them.
@Suite struct CaptionedDatasetTests {
    @Test func captionedShapes() throws {
        try Workplace.with { place in
            let made = try place.succeed("dataset", "shapes", "--captions", "--out", "set", "--count", "20").output
            #expect(made.contains("20 images with captions are in set/train.") && made.contains("purple circle"))
            #expect(try place.pictureNames(in: "set/train").count == 20)
            let prompts = try String(decoding: place.bytes("set/held-out.txt"), as: UTF8.self)
            #expect(prompts.split(separator: "\n").count == 100)
            let table = try place.succeed("dataset", "judge-shapes", "set/train").output
            #expect(table.contains("colour and shape   20      20   100.0 %"), "\(table)")
            try place.write(String(repeating: "a red ring on black\n", count: 20), to: "other.txt")
            let json = try place.succeed("dataset", "judge-shapes", "set/train", "--captions", "other.txt", "--json")
                .output
            #expect(json.contains("\"count\" : 20") && !json.contains("\"rightBoth\" : 20"))
            try place.write("a red ring on black\n", to: "short.txt")
            try place.refuse(
                "dataset", "judge-shapes", "set/train", "--captions", "short.txt", naming: ["20 pictures", "1 caption"])
            try place.write(String(repeating: "a cat\n", count: 20), to: "cats.txt")
            try place.refuse(
                "dataset", "judge-shapes", "set/train", "--captions", "cats.txt", naming: ["'a cat'", "red circle"])
        }
    }

    @Test func optionsOfShapesThatDoNotFit() throws {
        try Workplace.with { place in
            for (options, part) in [
                (["--captions", "--per-class", "3"], "--count"), (["--hold-out", "red star"], "--captions"),
                (["--count", "3"], "--captions"), (["--captions", "--hold-out", "mauve star"], "'mauve star'"),
                (["--captions", "--size", "8"], "from 16 to 4096"), (["--captions", "--count", "0"], "at least 1"),
            ] {
                let outcome = try place.run(["dataset", "shapes", "--out", "set"] + options)
                #expect(outcome.status == 64 && outcome.errors.contains(part), "\(outcome.errors)")
            }
            #expect(!place.exists("set"))
        }
    }

    @Test func captionsAreCounted() throws {
        try Workplace.with { place in
            try place.succeed(
                "dataset", "shapes", "--captions", "--out", "set", "--count", "6", "--hold-out", "none", "--size", "16")
            #expect(!place.exists("set/held-out.txt"))
            try place.write("", to: "set/train/000001.txt")
            try FileManager.default.removeItem(atPath: place.path("set/train/000002.txt"))
            try Data([0xFF]).write(to: URL(fileURLWithPath: place.path("set/train/000003.txt")))
            let text = try place.succeed("dataset", "inspect", "set", "--captions").output
            for part in ["without: set/train/000002.png", "set/train/000003.txt is not UTF-8 text.", "examples"] {
                #expect(text.contains(part), "\(text)")
            }
            let json = try place.succeed("dataset", "inspect", "set", "--captions", "--json").output
            for part in ["\"withCaption\" : 4", "\"without\" : 1", "\"empty\" : 1", "\"notUTF8\" : 1"] {
                #expect(json.contains(part), "\(json)")
            }
            try place.refuse(
                "dataset", "inspect", "set", "--caption-template", "a photo", naming: ["--caption-template", "one {}"])
            let classes = try place.succeed("dataset", "inspect", "set", "--caption-template", "a {}").output
            #expect(classes.contains("a train"))
        }
    }
}
