import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTestSupport
import Testing

/// Arguments and files that `pixnerd sample` refuses.
@Suite struct SampleRefusalTests {
    /// A checkpoint with five unnamed classes, patches of 4 x 4, and no training size.
    private static let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
    private static let allowed = ["--size", "8", "--steps", "1"]

    private func refuse(
        _ place: Workplace, _ checkpoint: String = tiny, _ arguments: [String] = [], naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try place.names()
        let all = ["sample", checkpoint, "--out", "out.png"] + Self.allowed + arguments
        try place.refuse(all, naming: needed, sourceLocation: sourceLocation)
        #expect(try place.names() == before, "nothing is left behind", sourceLocation: sourceLocation)
    }

    @Test func theseArgumentsAreGoodOtherwise() throws {
        try Workplace.with { place in
            let outcome = try place.run(["sample", Self.tiny, "--out", "out.png"] + Self.allowed)
            #expect(outcome.status == 0 && outcome.output == "20 images are in out.png.\n")
            #expect(place.exists("out.png"))
        }
    }

    @Test(arguments: [
        (["--size", "0"], ["--size", "height is 0", "at least 1"]), (["--size=8x-4"], ["--size", "width is -4"]),
        (["--size", "wide"], ["--size is 'wide'", "HEIGHTxWIDTH"]),
        (["--size", "8x"], ["--size is '8x'"]), (["--size", "8x8x8"], ["--size is '8x8x8'"]),
        (["--size", "9223372036854775807"], ["--size is '9223372036854775807'", "pixels"]),
        (["--size", "4000000"], ["--size is '4000000'", "at most 268435456 pixels"]),
        (["--classes", "5"], ["--classes", "5 is out of range", "0 to 4"]), (["--classes=-1"], ["-1 is out of range"]),
        (["--classes", "1,cat"], ["no class 'cat'", "0, 1, 2, 3, 4"]), (["--classes", ""], ["--classes"]),
        (["--seeds", "one"], ["--seeds is 'one'", "1,2,3"]), (["--seeds", ""], ["--seeds is ''"]),
        (["--guidance-interval", "0.5"], ["--guidance-interval is '0.5'", "LOW,HIGH"]),
        (["--guidance-interval", "0.9,0.1"], ["--guidance-interval is '0.9,0.1'"]),
        (["--guidance-interval", "0.1,x,0.9"], ["--guidance-interval is '0.1,x,0.9'"]),
        (["--steps", "0"], ["--steps is 0"]), (["--steps", "9223372036854775807"], ["--steps is 9223372036854775807"]),
        (["--batch", "0"], ["--batch is 0"]), (["--shift", "0"], ["--shift is 0"]),
        (["--guidance", "nan"], ["--guidance is nan"]), (["--guidance", "2,"], ["--guidance is 2,"]),
        (["--guidance", "2,3"], ["1 intervals", "2 scales"]),
        (["--zero-steps", "1"], ["--zero-steps is 1", "1 step"]), (["--zero-steps=-1"], ["--zero-steps is -1"]),
        (["--order", "5"], ["--order is 5", "from 1 to 4"]),
        (["--sampler", "dpm", "--order", "3"], ["--order is 3", "must be 2 with --sampler dpm"]),
        (["--sampler", "unipc", "--order", "1"], ["--order is 1", "from 2 to 3 with --sampler unipc"]),
        // A single step is at t = 0, where guidance does not act.
        (["--guide", "other"], ["--guide other has no effect", "leave --guide out"]),
        (["--guidance-interval", "0.1,0.5,1"], ["2 intervals", "1 scales"]),
        (["--shift", "more"], ["--shift is more", "auto"]), (["--shift", "auto"], ["--shift auto", "give a number"]),
        (["--per-class", "0"], ["--per-class is 0"]), (["--count=-1"], ["--count is -1"]),
        (["--count", "3", "--per-class", "2"], ["--per-class and --count exclude"]),
        (["--initial-noise", "missing.safetensors"], ["missing.safetensors"]),
        (["--initial-noise", tiny], [tiny, "tensors"]),
        (["--trajectory", "way.mp4"], ["--trajectory is 'way.mp4'", ".apng"]),
        (["--preview", "now.jpg"], ["--preview is 'now.jpg'", ".png"]),
        (["--preview-every", "0"], ["--preview-every"]),
        (["--route", "field"], ["--route field", "use --route grid"]), (["--threads", "0"], ["--threads is 0"]),
        (["--out", "pictures", "--seeds", "1,1"], ["same image twice"]),
        (["--weights", "raw", "--out", "tiny.txt/a.png", "--classes", "9"], ["9 is out of range"]),
    ])
    func arguments(_ arguments: [String], naming needed: [String]) throws {
        try Workplace.with { place in try refuse(place, Self.tiny, arguments, naming: needed) }
    }

    @Test func checkpointsThatAreNone() throws {
        try Workplace.with { place in
            try refuse(place, "missing.safetensors", naming: ["no checkpoint missing.safetensors"])
            try place.write("hello, this is text and no checkpoint\n", to: "text.safetensors")
            try refuse(place, "text.safetensors", naming: ["text.safetensors", "not a whole .safetensors file"])
            try place.write("", to: "nothing.safetensors")
            try refuse(place, "nothing.safetensors", naming: ["nothing.safetensors is empty"])
            try place.makeFolder("folder")
            try refuse(place, "folder", naming: ["folder", "no step-* directory"])
            let other = Fixtures.path("pixnerd/tiny-reference-8x8.safetensors")
            try refuse(place, other, naming: [other, "not a PixNerd checkpoint"])
            let grey = Fixtures.path("pixnerd/grey-checkpoint.safetensors")
            try refuse(place, grey, naming: [grey, "1 channel"])
        }
    }

    @Test(arguments: [4, 100, 12_000, 200_000])
    func checkpointsThatAreCutShort(length: Int) throws {
        try Workplace.with { place in
            let whole = try Data(contentsOf: URL(fileURLWithPath: Self.tiny))
            try whole.prefix(length).write(to: URL(fileURLWithPath: place.path("cut.safetensors")))
            try refuse(place, "cut.safetensors", naming: ["cut.safetensors", "not a whole .safetensors file"])
        }
    }

    @Test(arguments: [
        "blocks.1.attn.proj.weight", "final_layer.linear.bias", "s_embedder.proj.weight", "blocks.4.norm.weight",
        "y_embedder.embedding_table.weight",
    ])
    func checkpointsThatLackATensor(name: String) throws {
        try Workplace.with { place in
            try writeCopy(
                of: SafetensorsFile(path: Self.tiny), to: place.path("lacking.safetensors"),
                without: ["ema_denoiser.\(name)"])
            try refuse(place, "lacking.safetensors", naming: ["lacking.safetensors", "lacks", name])
        }
    }

    @Test(arguments: [Float.nan, .infinity])
    func checkpointsWithNumbersThatAreNone(value: Float) throws {
        try Workplace.with { place in
            let name = "blocks.2.mlp.w1.weight"
            try writeCopy(of: SafetensorsFile(path: Self.tiny), to: place.path("nan.safetensors")) { other, values in
                if other == "ema_denoiser.\(name)" { values[5] = value }
            }
            try refuse(place, "nan.safetensors", naming: ["nan.safetensors", name, "not finite"])
            let good = ["sample", "nan.safetensors", "--out", "out.png", "--weights", "raw"]
            #expect(try place.run(good + Self.allowed).status == 0)
        }
    }

    @Test(arguments: [["image_size": "18"], ["image_size": "-4"], ["classes": "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]"]])
    func checkpointsThatSayWhatCannotBe(metadata: [String: String]) throws {
        try Workplace.with { place in
            let file = try SafetensorsFile(path: Self.tiny)
            try SafetensorsWriter.write(
                file.names.map { ($0, try file.tensor($0)) },
                metadata: metadata.merging(["image_size": "8"]) { own, _ in own }, to: place.path("odd.safetensors"))
            try place.refuse("sample", "odd.safetensors", "--out", "out.png", naming: ["odd.safetensors"])
        }
    }

    @Test func aTrainingWithoutASavedStep() throws {
        try Workplace.with { place in
            try place.makeFolder("run/previews")
            try place.makeFolder("run/saving.partial")
            try refuse(place, "run", naming: ["run", "step-*"])
        }
    }

    @Test func filesThatAreThere() throws {
        try Workplace.with { place in
            try place.write("mine", to: "out.png")
            try refuse(place, naming: ["out.png", "--overwrite"])
            #expect(try place.bytes("out.png") == Data("mine".utf8))
            try place.makeFolder("pictures")
            try place.write("mine", to: "pictures/3-seed0.png")
            try refuse(place, Self.tiny, ["--out", "pictures"], naming: ["pictures/3-seed0.png", "--overwrite"])
            #expect(try place.names(in: "pictures") == ["3-seed0.png"])
            #expect(
                try place.run(["sample", Self.tiny, "--out", "out.png", "--overwrite"] + Self.allowed).status == 0)
            #expect(try place.bytes("out.png").prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
        }
    }

    @Test func foldersThatCannotBeMade() throws {
        try Workplace.with { place in
            try place.write("text", to: "file")
            for out in ["file", "file/below", "file/out.png"] {
                try refuse(place, Self.tiny, ["--out", out], naming: ["file", "cannot be created"])
            }
        }
    }
}
