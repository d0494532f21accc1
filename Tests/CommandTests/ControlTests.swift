import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

/// ControlNets from the command line: trained, sampled, and verified.
@Suite struct ControlTests {
    /// A run `runs/tiny`, and `runs/control`, a ControlNet of it.
    private static func withControl(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try place.train()
            let output = try place.succeed(
                "train", "tiny.yaml", "--set", "name=control", "--set", "from=runs/tiny", "--set",
                "control.edges=canny", "--set", "training.preview_every=3", "--set", "sampling.steps=1", "--set",
                "sampling.classes=2", "--set", "sampling.per_class=1")
            #expect(output.output.contains("control") && output.output.contains("edges by canny"))
            #expect(output.output.contains("its ControlNet is new and begins without an effect"))
            try body(place)
        }
    }

    private static let arguments = ["--classes", "star,ring", "--seeds", "1", "--steps", "3"]

    private func refusal(_ place: Workplace, _ arguments: [String], out: String = "refused") throws -> String {
        let outcome = try place.run(["sample"] + arguments + ["--out", out])
        #expect(outcome.isExit && outcome.status != 0)
        let line = outcome.errors.split(separator: "\n").first { $0.hasPrefix("Error: ") } ?? ""
        return String(line.dropFirst("Error: ".count))
    }

    @Test func edgesOfAPhotographControlAndAreKeptBesideTheResult() throws {
        try Self.withControl { place in
            let photo = "shapes/star/00001.png"
            let outcome = try place.succeed(
                ["sample", "runs/control", "--control-from", photo, "--out", "drawn"] + Self.arguments)
            #expect(outcome.errors.contains("edges are found by canny"))
            let edges = Canny.usual(try ImageFile.read(place.path(photo)))
            #expect(try ImageFile.read(place.path("drawn-control.png")) == edges.image)
            let manifest = try String(decoding: place.bytes("drawn/manifest.json"), as: UTF8.self)
            for line in ["\"control_pictures\" : \"\(photo)\"", "\"strength\" : 1", "\"edges\" : \"canny\""] {
                #expect(manifest.contains(line), "\(line)")
            }
            // The picture as it is, and the ControlNet beside its model.
            try place.succeed(
                [
                    "sample", "runs/tiny", "--control-net", "runs/control", "--control", "drawn-control.png", "--out",
                    "same",
                ]
                    + Self.arguments)
            for name in try place.pictureNames(in: "drawn") {
                #expect(try place.bytes("same/\(name)") == place.bytes("drawn/\(name)"), "\(name)")
            }
            // At strength 0, or where it never acts, it is its model.
            try place.succeed(["sample", "runs/tiny", "--out", "plain"] + Self.arguments)
            let none = try place.succeed(["sample", "runs/control", "--out", "none"] + Self.arguments)
            #expect(none.errors.contains("no control picture is given"))
            try place.succeed(
                [
                    "sample", "runs/control", "--control", "drawn-control.png", "--control-strength", "0", "--out",
                    "zero",
                ]
                    + Self.arguments)
            for name in try place.pictureNames(in: "plain") {
                for other in ["none", "zero"] {
                    #expect(try place.bytes("\(other)/\(name)") == place.bytes("plain/\(name)"), "\(other) \(name)")
                }
                #expect(try place.bytes("drawn/\(name)") != place.bytes("plain/\(name)"))
            }
            // Other settings are not taken for the same job.
            expectSentence(
                try refusal(
                    place,
                    ["runs/tiny", "--control-net", "runs/control", "--control", "drawn-control.png"]
                        + ["--control-interval", "0,0.5"] + Self.arguments, out: "same"),
                naming: ["same", "other settings", "control"])
        }
    }

    @Test func requestsTakeThePicturesOfAFolderInTurn() throws {
        try Self.withControl { place in
            try place.succeed("encode", "control", "shapes", "--edges", "canny", "--out", "edges")
            let classes = ["--classes", "circle", "--steps", "2", "--count", "3"]
            try place.succeed(["sample", "runs/control", "--control", "edges", "--out", "all"] + classes)
            for (seed, name) in ["00001", "00002", "00003"].enumerated() {
                let one = "one-\(seed)"
                try place.succeed(
                    "sample", "runs/control", "--control", "edges/circle/\(name).png", "--classes", "circle",
                    "--steps", "2", "--seeds", "\(seed)", "--out", one, "--batch", "1")
                let pixels = try [one, "all"].map {
                    try ImageFile.read(place.path("\($0)/circle-seed\(seed).png")).pixels
                }
                #expect(zip(pixels[0], pixels[1]).allSatisfy { abs(Int($0) - Int($1)) <= 1 }, "\(name)")
            }
            // The edges of several photographs have a folder of their own.
            try place.succeed(["sample", "runs/control", "--control-from", "shapes", "--out", "sheet.png"] + classes)
            let both = try ["sheet-control", "edges"].map { try ImageFile.read(place.path("\($0)/star/00002.png")) }
            #expect(both[0] == both[1])
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Self.withControl { place in
            try place.succeed("dataset", "shapes", "--out", "large", "--per-class", "1", "--size", "24")
            let large = "large/star/00001.png"
            expectSentence(
                try refusal(place, ["runs/control", "--control", large]),
                naming: [large, "24 x 24", "16 x 16", "--control-from"])
            expectSentence(
                try refusal(place, ["runs/tiny", "--control", large]),
                naming: ["runs/tiny", "--control", "--control-net"])
            expectSentence(
                try refusal(place, ["runs/control", "--control", large, "--edges", "soft"]),
                naming: ["--edges", "--control-from"])
            expectSentence(
                try refusal(place, ["runs/control", "--edges", "soft"]), naming: ["--edges", "--control-from"])
            expectSentence(
                try refusal(place, ["runs/control", "--control", large, "--control-from", large]),
                naming: ["--control and --control-from"])
            expectSentence(
                try refusal(place, ["runs/control", "--control-from", large, "--edges", "hed"]), naming: ["--hed"])
            expectSentence(
                try refusal(place, ["runs/control", "--control-from", large, "--size", "18x16"]),
                naming: ["--size", "multiple"])
            expectSentence(
                try refusal(place, ["runs/control", "--control", large, "--control-interval", "0.5,0.2"]),
                naming: ["--control-interval", "0.5,0.2"])
            expectSentence(
                try refusal(place, ["runs/control", "--control", "nothing.png"]), naming: ["nothing.png"])
            try place.succeed("train", "tiny.yaml", "--set", "name=other", "--set", "seed=5")
            expectSentence(
                try refusal(
                    place, ["runs/other", "--control-net", "runs/control", "--control-from", large]),
                naming: ["runs/control", "runs/tiny", "runs/other"])
            expectSentence(
                try refusal(place, ["runs/tiny", "--control-net", "runs/other", "--control-from", large]),
                naming: ["runs/other", "no ControlNet"])
            #expect(!place.exists("refused"))
        }
    }

    @Test func theRunIsDescribed() throws {
        try Self.withControl { place in
            let text = try place.succeed("info", "runs/control").output
            #expect(text.contains("ControlNet of 1 block"))
            #expect(!text.contains("unknown"), "\(text)")
            #expect(try place.pictureNames(in: "runs/control/previews").count == 2)
        }
    }

    @Test func referencesAreVerified() throws {
        try Workplace.with { place in
            let (model, reference) = (Fixtures.path("control/pixart.pth"), Fixtures.path("control/pixart.safetensors"))
            let own = try place.succeed("verify", model, reference, "--heads", "2")
            #expect(own.output.hasSuffix("All 1 agree.\n"))
            try place.succeed(
                "verify", model, reference, "--heads", "2", "--control-net", Fixtures.path("control/pixart-diffusers"))
            let edges = try place.succeed(
                "verify", Fixtures.path("edges/hed.pth"), Fixtures.path("edges/hed.safetensors"))
            #expect(edges.output.contains("edges ") && edges.output.hasSuffix("All 1 agree.\n"))
        }
    }
}
