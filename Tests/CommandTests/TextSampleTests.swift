import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `pixnerd sample` with texts.
@Suite struct TextSampleTests {
    private let red = "a red square on a blue field"

    /// From prompt and seed to the picture: tokens, rows, guidance, the published noise and its sampler.
    @Test func promptsBecomeThePublishedPictures() throws {
        try Workplace.with { place in
            let prompts = try TextFixture.prompts()
            let outcome = try place.succeed(
                "sample", TextFixture.model, "--text-encoder", TextFixture.encoder, "--prompt", prompts[1], "--prompt",
                prompts[2], "--noise", "published", "--per-prompt", "2", "--first-seed", "0", "--size", "16x24",
                "--out",
                "a.safetensors")
            #expect(outcome.output == "4 images are in a.safetensors.\n")
            // The second has 28 tokens, and the model takes 16.
            #expect(outcome.errors.contains("has more than 16 tokens; this end of it is not used"))
            #expect(outcome.errors.contains("12345 birds!'"))
            let reference = try SafetensorsFile(path: Fixtures.path("t2i/samples.safetensors")).tensor("adams2")
            let pictures = try place.floats("a.safetensors")
            // One draw of the noise of both pictures, so each picture has its own place in the stream of the seed.
            expectClose(pictures.rows(0..<1), reference.rows(0..<1), .run)
            expectClose(pictures.rows(3..<4), reference.rows(1..<2), .run)
            #expect(relativeError(pictures.rows(1..<2).values, reference.rows(1..<2).values) > 0.1)
        }
    }

    @Test func otherSizesTakeTheFieldsOfTheTrainedGrid() throws {
        try Workplace.with { place in
            try writeCopy(
                of: SafetensorsFile(path: TextFixture.model), to: place.path("sized.safetensors"),
                metadata: ["image_size": "16"])
            try place.succeed(
                "sample", "sized.safetensors", "--text-encoder", TextFixture.encoder, "--prompt", red, "--seeds", "5",
                "--size", "24x32", "--route", "field", "--steps", "12", "--out", "a.safetensors")
            let reference = try SafetensorsFile(path: Fixtures.path("t2i/samples.safetensors")).tensor("adams2_24x32")
            expectClose(try place.floats("a.safetensors"), reference, .run)
        }
    }

    @Test func aFolderAndItsManifestNameTheTexts() throws {
        try Workplace.with { place in
            let prompts = [red, "one behind ", "hälf/и \"x\"", ""]
            try place.sampleText(
                "p", prompts.flatMap { ["--prompt", $0] } + ["--seeds", "3,4", "--negative-prompt", "grey"])
            let names = try place.pictureNames(in: "p")
            #expect(names.count == 8)
            #expect(names.contains("a-red-square-on-a-blue-field-seed3.png"))
            let manifest = try place.manifest("p/manifest.json")
            let pictures = try #require(manifest["pictures"] as? [[String: Any]])
            #expect(pictures.compactMap { $0["prompt"] as? String } == prompts.flatMap { [$0, $0] })
            #expect(pictures.compactMap { $0["seed"] as? Int } == [3, 4, 3, 4, 3, 4, 3, 4])
            #expect(pictures.compactMap { $0["file"] as? String }.sorted() == names)
            #expect(pictures.allSatisfy { $0["label"] == nil && $0["draw"] == nil })
            let knobs = try #require(manifest["knobs"] as? [String: Any])
            #expect(knobs["negative_prompt"] as? String == "grey" && knobs["empty_prompt"] as? String == "sees-nothing")
            #expect((knobs["text_encoder"] as? String)?.split(separator: ",").count == 2)
            // Another encoder's or convention's images do not go into the folder.
            try place.refuse(
                Workplace.textSampling + ["--out", "p", "--prompt", red, "--empty-prompt", "sees-padding"],
                naming: ["p holds images", "other settings"])
            // A further prompt is added to it.
            let more = try place.sampleText(
                "p", ["--prompt", red, "--prompt", "more", "--seeds", "3", "--negative-prompt", "grey"])
            #expect(more.errors.contains("1 of 2 images already exist and are kept"))
            #expect(try place.pictureNames(in: "p") == (names + ["more-seed3.png"]).sorted())
        }
    }

    @Test func sheetsHaveCaptions() throws {
        try Workplace.with { place in
            func sheet(_ name: String, _ prompts: String...) throws -> (picture: RGBImage, said: String) {
                let said = try place.sampleText(name, prompts.flatMap { ["--prompt", $0] } + ["--seeds", "1,2"]).errors
                return (try ImageFile.read(place.path(name)), said)
            }
            func ink(_ sheet: RGBImage) -> Int {
                stride(from: 0, to: sheet.pixels.count, by: 3).count { sheet.pixels[$0..<$0 + 3] == [64, 64, 64] }
            }
            let two = try sheet("two.png", red, "a ring")
            #expect(!two.said.contains("caption") && two.picture.width > 3 * 64 && ink(two.picture) > 200)
            let bare = try sheet("bare.png", "красный квадрат")
            #expect(bare.picture.width < 3 * 64 && ink(bare.picture) < 20)
            #expect(bare.said.contains("leaves out the captions of 1 prompt") && bare.said.contains("bare.png.json"))
            let pictures = try #require(place.manifest("bare.png.json")["pictures"] as? [[String: Any]])
            #expect(pictures.first?["prompt"] as? String == "красный квадрат")
        }
    }

    @Test func aFileOfPromptsIsAsGoodAsAList() throws {
        try Workplace.with { place in
            try place.write("\(red)\r\n\r\n\n  two  spaces \nlast", to: "prompts.txt")
            try place.sampleText("file.safetensors", ["--prompts", "prompts.txt", "--seeds", "1"])
            try place.sampleText(
                "list.safetensors",
                ["--prompt", red, "--prompt", "  two  spaces ", "--prompt", "last", "--seeds", "1"])
            #expect(try place.floats("file.safetensors").values == place.floats("list.safetensors").values)
            #expect(try place.manifest("file.safetensors.json")["prompts"] as? String == "prompts.txt")
        }
    }

    @Test func negativeAndEmptyPromptsCount() throws {
        try Workplace.with { place in
            func floats(_ name: String, _ arguments: String...) throws -> [Float] {
                try place.sampleText("\(name).safetensors", ["--prompt", red, "--seeds", "1"] + arguments)
                return try place.floats("\(name).safetensors").values
            }
            let plain = try floats("plain")
            #expect(try floats("none", "--negative-prompt", "") == plain)
            #expect(relativeError(try floats("grey", "--negative-prompt", "grey"), plain) > 1e-3)
            #expect(relativeError(try floats("padding", "--empty-prompt", "sees-padding"), plain) > 1e-3)
            // Guidance away from what the prompt says is none.
            let alone = try floats("alone", "--guidance", "1")
            #expect(try floats("same", "--guidance", "1", "--negative-prompt", "grey") == alone)
            #expect(relativeError(try floats("itself", "--negative-prompt", red), alone) < 1e-4)
            // A picture does not depend on what else is sampled.
            try place.sampleText("both.safetensors", ["--prompt", "a ring", "--prompt", red, "--seeds", "1"])
            #expect(relativeError(try place.floats("both.safetensors").rows(1..<2).values, plain) < 1e-4)
        }
    }

    @Test func trajectories() throws {
        try Workplace.with { place in
            try place.sampleText(
                "p", ["--prompt", red, "--seeds", "1", "--trajectory", "way.gif", "--preview", "n.png"])
            #expect(try place.bytes("way.gif").prefix(4) == Data("GIF8".utf8))
            #expect(try ImageFile.read(place.path("n.png")).width > 64)
        }
    }

    @Test(arguments: ["pictures", "p.npz"])
    func whatIsKilledGoesOn(out: String) throws {
        try Workplace.with { place in
            try place.write((1...12).map { "picture number \($0)\n" }.joined(), to: "prompts.txt")
            let all = [
                "sample", TextFixture.model, "--text-encoder", TextFixture.encoder, "--size", "16", "--steps", "100",
                "--prompts", "prompts.txt", "--seeds", "0,1", "--batch", "4",
            ]
            try place.succeed(all + ["--out", "whole/\(out)"])
            let parts = out == "pictures" ? "again/pictures" : "again/\(out).parts"
            let process = try place.start("killed", all + ["--out", "again/\(out)"])
            while process.isRunning, ((try? place.names(in: parts)) ?? []).count < 4 { usleep(500) }
            kill(process.processIdentifier, SIGKILL)
            #expect(try !place.finish("killed", process).isExit, "it was still at work")
            let again = try place.succeed(all + ["--out", "again/\(out)"])
            #expect(again.errors.contains("of 24 images already exist and are kept"))
            #expect(try place.tree("again") == place.tree("whole"))
        }
    }
}
