import Foundation
import PixNerdImages
import PixNerdTestSupport
import Testing

/// `pixnerd sample` with a picture to begin with, a mask, and images between others.
@Suite struct EditCommandTests {
    /// Writes a grey mask of 16 x 16 that is white from a column on.
    private func writeMask(_ place: Workplace, _ name: String, side: Int = 16, from column: Int = 8) throws {
        let pixels = (0..<side * side).flatMap { [UInt8](repeating: $0 % side < column ? 0 : 255, count: 3) }
        try ImageFile.writePNG(RGBImage(width: side, height: side, pixels: pixels), to: place.path(name))
    }

    private func source(_ place: Workplace) throws -> String {
        let folder = try #require(try place.names(in: "shapes").first)
        let name = try #require(try place.pictureNames(in: "shapes/\(folder)").first)
        return "shapes/\(folder)/\(name)"
    }

    @Test func picturesAreChangedAndFilled() throws {
        try Workplace.with { place in
            try place.train()
            let picture = try source(place)
            try writeMask(place, "mask.png")
            let base = ["sample", "runs/tiny", "--classes", "1", "--seeds", "1,2", "--steps", "4"]
            let edit = base + ["--from-image", picture]
            try place.succeed(edit + ["--strength", "0", "--out", "same"])
            let before = try ImageFile.read(place.path(picture))
            for name in try place.pictureNames(in: "same") {
                #expect(try ImageFile.read(place.path("same/\(name)")) == before)
            }
            try place.succeed(base + ["--out", "free.safetensors"])
            try place.succeed(edit + ["--strength", "1", "--out", "new.safetensors"])
            #expect(
                try place.floats("free.safetensors").values == place.floats("new.safetensors").values)
            try place.succeed(edit + ["--out", "changed.png", "--trajectory", "way.png"])
            let knobs = try #require(place.manifest("changed.png.json")["knobs"] as? [String: Any])
            #expect(knobs["strength"] as? Double == 0.75 && (knobs["image_hash"] as? String)?.isEmpty == false)
            try place.succeed(edit + ["--mask", "mask.png", "--resample", "1", "--out", "filled"])
            let names = try place.pictureNames(in: "filled")
            #expect(names.count == 2)
            for name in names {
                let filled = try ImageFile.read(place.path("filled/\(name)"))
                for i in filled.pixels.indices where i / 3 % 16 < 8 { #expect(filled.pixels[i] == before.pixels[i]) }
                #expect(filled != before)
            }
            let filling = try #require(place.manifest("filled/manifest.json")["knobs"] as? [String: Any])
            #expect(filling["strength"] as? Double == 1 && filling["repetitions"] as? Int == 1)
            // What is there was made with another mask.
            try writeMask(place, "other.png", from: 4)
            try place.refuse(
                edit + ["--mask", "other.png", "--resample", "1", "--out", "filled"],
                naming: ["filled holds images that were sampled with other settings", "mask_hash"])
        }
    }

    @Test func picturesAndMasksThatDoNotFit() throws {
        try Workplace.with { place in
            try place.train()
            let picture = try source(place)
            let base = ["sample", "runs/tiny", "--classes", "1", "--seeds", "1", "--out", "a.png"]
            try writeMask(place, "black.png", from: 16)
            try writeMask(place, "small.png", side: 8)
            try place.write("no picture", to: "text.png")
            for (arguments, needed) in [
                (["--mask", "black.png"], ["--mask is given without a picture", "--from-image"]),
                (["--strength", "0.5"], ["--strength is given without a picture"]),
                (["--from-image", picture, "--strength", "1.5"], ["--strength is 1.5", "from 0 to 1"]),
                (["--from-image", picture, "--mask", "black.png"], ["--mask black.png leaves nothing to paint"]),
                (["--from-image", picture, "--mask", "small.png"], ["small.png has 8 pixels", "expected 16"]),
                (["--from-image", picture, "--resample", "2"], ["--resample", "give --mask"]),
                (["--from-image", "none.png"], ["none.png"]),
                (["--from-image", "text.png"], ["text.png"]),
                (["--from-image", picture, "--zero-steps", "1"], ["--zero-steps", "--strength 0.75"]),
                (["--from-image", "a.png"], ["--out", "the same file"]),
            ] { try place.refuse(base + arguments, naming: needed) }
            #expect(!place.exists("a.png"))
            // Another size is scaled, and said.
            let outcome = try place.succeed(base + ["--from-image", picture, "--size", "8"])
            #expect(outcome.errors.contains("is 16: it is scaled to cover 8"), "\(outcome.errors)")
        }
    }

    @Test func imagesBetweenOthers() throws {
        try Workplace.with { place in
            try place.train()
            let base = ["sample", "runs/tiny", "--steps", "2"]
            try place.succeed(base + ["--classes", "0,1", "--seeds", "5", "--out", "ends.safetensors"])
            try place.succeed(
                base + ["--classes", "0,1", "--seeds", "5", "--interpolate", "3", "--out", "way.safetensors"])
            let (ends, way) = (try place.floats("ends.safetensors").values, try place.floats("way.safetensors").values)
            let each = ends.count / 2
            #expect(way.count == 4 * each)
            #expect(way.prefix(each) == ends.prefix(each) && way.suffix(each) == ends.suffix(each))
            try place.succeed(
                base + ["--classes", "0,1", "--seeds", "5,6,7", "--interpolate", "2", "--out", "seeds"])
            let names = try place.pictureNames(in: "seeds")
            #expect(names.count == 10 && names.contains { $0.hasSuffix("seed5-to-seed6-0.5.png") })
            let pictures = try #require(place.manifest("seeds/manifest.json")["pictures"] as? [[String: Any]])
            #expect((pictures[1]["towards"] as? [String: Any])?["share"] as? Double == 0.5)
            for format in ["gif", "apng", "png"] {
                try place.succeed(
                    base + ["--classes", "0,1", "--seeds", "5,6", "--interpolate", "3", "--out", "way.\(format)"])
                #expect(place.exists("way.\(format)") && place.exists("way.\(format).json"))
                #expect(!place.exists("way.\(format).parts"))
            }
            try place.succeed(
                base + ["--classes", "0", "--seeds", "5", "--variations", "2", "--out", "variations"])
            #expect(try place.pictureNames(in: "variations").count == 3)
        }
    }

    @Test func waysThatAreNone() throws {
        try Workplace.with { place in
            try place.train()
            let base = ["sample", "runs/tiny", "--classes", "1", "--seeds", "1"]
            for (arguments, needed) in [
                (["--out", "a.gif"], ["--out a.gif is an animation", "--interpolate"]),
                (["--out", "a.png", "--interpolate", "4"], ["--interpolate goes from one image", "--seeds"]),
                (["--out", "a.png", "--interpolate", "1"], ["--interpolate is 1"]),
                (["--out", "a.png", "--variation-strength", "0.1"], ["without --variations"]),
                (["--out", "a.png", "--variations", "2", "--variation-strength", "0"], ["greater than 0"]),
            ] { try place.refuse(base + arguments, naming: needed) }
        }
    }
}
