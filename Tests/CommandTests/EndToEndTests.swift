import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdTestSupport
import Testing

/// A first run, from a data set to images.
@Suite struct EndToEndTests {
    @Test func shapesTrainingAndPictures() throws {
        try Workplace.with { place in
            let made = try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "3", "--size", "16")
            #expect(made.output.contains("ring") && made.output.contains("in shapes."))
            #expect(try place.names(in: "shapes").count == 8)
            #expect(try place.names(in: "shapes/ring") == ["00001.png", "00002.png", "00003.png"])

            try place.write(tinyConfiguration, to: "tiny.yaml")
            let trained = try place.succeed("train", "tiny.yaml")
            #expect(trained.output.contains("24 in 8 classes") && trained.output.contains("Trained to step 3 in "))
            #expect(
                try place.names(in: "runs/tiny").filter { !$0.hasPrefix("events.out.tfevents.") }
                    == ["config.yaml", "latest", "metrics.jsonl", "previews", "step-0000002", "step-0000003"])

            let sampled = try place.succeed(
                "sample", "runs/tiny", "--out", "grids/grid.png", "--steps", "2", "--seeds", "0,1")
            #expect(sampled.output == "16 images are in grids/grid.png.\n")
            let grid = try ImageFile.read(place.path("grids/grid.png"))
            // Eight rows of two images, each drawn at 64 pixels.
            #expect(grid.height > 8 * 64 && grid.width > 2 * 64)

            try place.succeed(
                "sample", "runs/tiny", "--out", "pictures", "--steps", "2", "--seeds", "7,8", "--classes", "ring,2",
                "--size", "12x20")
            #expect(
                try place.names(in: "pictures")
                    == ["heart-seed7.png", "heart-seed8.png", "manifest.json", "ring-seed7.png", "ring-seed8.png"])
            for name in try place.pictureNames(in: "pictures") {
                let picture = try ImageFile.read(place.path("pictures/\(name)"))
                #expect(picture.height == 12 && picture.width == 20)
                #expect(Set(picture.pixels).count > 20)
            }
        }
    }

    @Test func aTrainingThatWasFinishedGoesOn() throws {
        try Workplace.with { place in
            try place.train()
            let same = try place.succeed("train", "tiny.yaml", "--resume")
            #expect(same.output.contains("Trained to step 3."))
            let more = try place.succeed("train", "tiny.yaml", "--resume", "--set", "training.steps=5")
            #expect(more.output.contains("from step 3") && more.output.contains("Trained to step 5 in "))
            #expect(more.errors.contains("training.steps changed from 3 to 5; this does not affect training\n"))
        }
    }

    @Test func runStepAndFileGiveTheSamePicture() throws {
        try Workplace.with { place in
            try place.train()
            let step = "runs/tiny/step-0000003"
            let names = ["runs/tiny", "runs/tiny/", step, "runs/tiny/latest", "\(step)/ema.safetensors"]
            let pictures = try names.map { name in
                try place.succeed("sample", name, "--out", "a.png", "--steps", "2", "--overwrite")
                return try place.bytes("a.png")
            }
            for (name, picture) in zip(names, pictures) { #expect(picture == pictures[0], "\(name)") }

            let raw = try place.succeed("sample", "\(step)/denoiser.safetensors", "--out", "raw.png", "--steps", "2")
            expectSentence(
                String(raw.errors.split(separator: "\n").first ?? ""),
                naming: ["\(step)/denoiser.safetensors", "raw weights"])
            try place.succeed("sample", "runs/tiny", "--out", "asked.png", "--steps", "2", "--weights", "raw")
            #expect(try place.bytes("raw.png") == place.bytes("asked.png"))
            #expect(try place.bytes("raw.png") != pictures[0])
        }
    }

    /// Matrix multiplications of other sizes may sum in another order, so a level may be off by one.
    @Test func theSeedDecidesThePictureWhateverIsMadeBesideIt() throws {
        try Workplace.with { place in
            try place.train()
            func sample(_ out: String, _ arguments: String...) throws -> [String: RGBImage] {
                let fixed = ["sample", "runs/tiny", "--out", out, "--steps", "3"]
                #expect(try place.run(fixed + arguments).status == 0)
                let pictures = try place.pictureNames(in: out).map {
                    ($0, try ImageFile.read(place.path("\(out)/\($0)")))
                }
                return Dictionary(uniqueKeysWithValues: pictures)
            }
            let all = try sample("all", "--seeds", "1,2,3")
            #expect(all.count == 24)
            #expect(try sample("again", "--seeds", "1,2,3") == all)
            var others = try sample("one", "--seeds", "1,2,3", "--batch", "1")
            others.merge(try sample("huge", "--seeds", "9,3", "--batch", "9223372036854775807")) { left, _ in left }
            others.merge(try sample("turned", "--seeds", "3,2,1", "--batch", "5", "--classes", "star,ring")) { $1 }
            for (name, picture) in all {
                let other = try #require(others[name])
                let furthest = zip(picture.pixels, other.pixels).map { abs(Int($0) - Int($1)) }.max()
                #expect(try #require(furthest) <= 1, "\(name)")
            }
            let seeds = ["ring-seed1.png", "ring-seed2.png", "star-seed1.png"].compactMap { all[$0]?.pixels }
            #expect(Set(seeds).count == 3, "other seeds and classes give other pictures")
        }
    }
}
