import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

/// Models that read pictures beside noise, from the command line.
@Suite struct ConditionTests {
    private static func train(_ place: Workplace, _ name: String, _ settings: String...) throws -> String {
        let output = try place.succeed(
            ["train", "tiny.yaml", "--set", "name=\(name)", "--set", "training.preview_every=3", "--set"]
                + ["sampling.steps=1", "--set", "sampling.classes=2", "--set", "sampling.per_class=1"]
                + settings.flatMap { ["--set", $0] })
        return output.output
    }

    private static let arguments = ["--classes", "star,ring", "--seeds", "1", "--steps", "3"]

    private func refusal(_ place: Workplace, _ arguments: String...) throws -> String {
        let outcome = try place.run(["sample"] + arguments + Self.arguments + ["--out", "refused"])
        #expect(outcome.isExit && outcome.status != 0)
        let line = outcome.errors.split(separator: "\n").first { $0.hasPrefix("Error: ") } ?? ""
        return String(line.dropFirst("Error: ".count))
    }

    /// Pictures are made of a photograph and kept beside the result, or given as they are.
    @Test func greyAndSmallPictures() throws {
        try Workplace.with { place in
            try place.train()
            let photo = "shapes/star/00001.png"
            for (kind, made) in [("grey", "grey pictures"), ("small", "small pictures, 2 times smaller")] {
                let output = try Self.train(
                    place, kind, "data.condition=\(kind)", kind == "small" ? "data.condition_scale=2" : "seed=1")
                #expect(output.contains("condition") && output.contains(made), "\(output)")
                try place.succeed(
                    ["sample", "runs/\(kind)", "--control-from", photo, "--out", "\(kind)-from"] + Self.arguments)
                let shown = try ImageFile.read(place.path("\(kind)-from-control.png"))
                #expect(shown.width == 16 && shown.height == 16)
                let manifest = try String(decoding: place.bytes("\(kind)-from/manifest.json"), as: UTF8.self)
                #expect(manifest.contains("\"control_pictures\" : \"\(photo)\""))
                let other = "shapes/ring/00002.png"
                try place.succeed(
                    ["sample", "runs/\(kind)", "--control-from", other, "--out", "\(kind)-other"] + Self.arguments)
                let names = try place.pictureNames(in: "\(kind)-from")
                #expect(names.count == 2)
                for name in names {
                    #expect(try place.bytes("\(kind)-from/\(name)") != place.bytes("\(kind)-other/\(name)"))
                }
                expectSentence(try refusal(place, "runs/\(kind)"), naming: ["runs/\(kind)", "--control", made])
                expectSentence(
                    try refusal(place, "runs/\(kind)", "--control-from", photo, "--control-strength", "0.5"),
                    naming: ["--control-strength", "ControlNets"])
                expectSentence(
                    try refusal(place, "runs/\(kind)", "--control-from", photo, "--edges", "canny"),
                    naming: ["--edges", "ControlNets"])
            }
            // A colour picture as it is gives the grey one that is made of it.
            try place.succeed(
                ["sample", "runs/grey", "--control", photo, "--out", "grey-as-is"] + Self.arguments)
            for name in try place.pictureNames(in: "grey-from") {
                #expect(try place.bytes("grey-as-is/\(name)") == place.bytes("grey-from/\(name)"))
            }
            // A small picture has the size that the model was trained on.
            try ImageFile.writePNG(RGBImage(width: 8, height: 8, fill: (200, 30, 30)), to: place.path("red.png"))
            try place.succeed(["sample", "runs/small", "--control", "red.png", "--out", "red"] + Self.arguments)
            expectSentence(
                try refusal(place, "runs/small", "--control", photo), naming: [photo, "16 x 16", "8 x 8"])
            // At other sizes, by fields.
            try place.succeed(
                ["sample", "runs/grey", "--control-from", photo, "--size", "24", "--out", "large"] + Self.arguments)
            #expect(try ImageFile.read(place.path("large-control.png")).width == 24)
        }
    }

    /// A hole in a picture is filled by a model that was trained to; what is known stays to the bit.
    @Test func holesAreFilled() throws {
        try Workplace.with { place in
            try place.train()
            _ = try Self.train(place, "masked", "data.condition=masked")
            let photo = "shapes/star/00001.png"
            var mask = RGBImage(width: 16, height: 16, fill: (0, 0, 0))
            for place in mask.pixels.indices where place / 3 % 16 >= 8 { mask.pixels[place] = 255 }
            try ImageFile.writePNG(mask, to: place.path("mask.png"))
            try place.succeed(
                ["sample", "runs/masked", "--from-image", photo, "--mask", "mask.png", "--out", "filled"]
                    + Self.arguments)
            let image = try ImageFile.read(place.path(photo))
            for name in try place.pictureNames(in: "filled") {
                let filled = try ImageFile.read(place.path("filled/\(name)"))
                for (index, value) in filled.pixels.enumerated() where index / 3 % 16 < 8 {
                    #expect(value == image.pixels[index])
                }
                #expect(filled != image)
            }
            let plain = try place.succeed(["sample", "runs/masked", "--out", "plain"] + Self.arguments)
            #expect(plain.errors.contains("with a mask") && plain.errors.contains("shown nothing"))
            expectSentence(
                try refusal(place, "runs/masked", "--control", photo), naming: ["--control", "--from-image", "--mask"])
        }
    }

    @Test func picturesOfAFolder() throws {
        try Workplace.with { place in
            try place.train()
            _ = try Self.train(place, "folder", "data.condition=shapes")
            let picture = "shapes/star/00001.png"
            try place.succeed(["sample", "runs/folder", "--control", picture, "--out", "drawn"] + Self.arguments)
            try place.succeed(
                ["sample", "runs/folder", "--control", "shapes", "--count", "3", "--classes", "star", "--steps"]
                    + ["2", "--out", "three"])
            expectSentence(
                try refusal(place, "runs/folder", "--control-from", picture), naming: ["--control-from", "--control"])
            expectSentence(
                try refusal(place, "runs/tiny", "--control", picture), naming: ["runs/tiny", "ControlNet"])
            expectSentence(
                try refusal(place, "runs/folder", "--control", picture, "--control-net", "runs/folder"),
                naming: ["runs/folder", "ControlNet"])
        }
    }
}
