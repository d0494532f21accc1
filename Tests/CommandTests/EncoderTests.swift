import PixNerdModels
import PixNerdTestSupport
import Testing

/// Encoders from the command line: info, verify, cached features and aligned runs.
@Suite struct EncoderTests {
    private func fixture(_ name: String) -> String { Fixtures.path("dinov2/\(name)") }

    @Test(arguments: [
        ("transformers", "3x3"), ("transformers-registers", "5x4"), ("hub", "2x2"), ("hub-registers", "3x3"),
    ])
    func aGoodEncoderAgrees(name: String, grid: String) throws {
        try Workplace.with { place in
            let options = name.hasPrefix("hub") ? ["--heads", "3"] : []
            let file = fixture(name.hasPrefix("hub") ? "\(name).pth" : name)
            let outcome = try place.succeed(["verify", file, fixture("\(name)-\(grid).safetensors")] + options)
            #expect(outcome.output.contains("tokens (positions ") && outcome.output.hasSuffix("All 1 agree.\n"))
        }
    }

    @Test func anotherEncoderDoesNotAgree() throws {
        try Workplace.with { place in
            let outcome = try place.run(
                "verify", fixture("transformers"), fixture("transformers-registers-3x3.safetensors"))
            #expect(outcome.isExit && outcome.status == 1 && outcome.output.contains("too far"))
            try place.refuse(
                "verify", fixture("hub.pth"), fixture("hub-3x3.safetensors"), naming: ["hub.pth", "--heads"])
            try place.refuse(
                "verify", "missing", fixture("hub-3x3.safetensors"), naming: ["no encoder missing", "torch.hub"])
            try place.refuse(
                "verify", fixture("transformers"), fixture("transformers-3x3.safetensors"), "--base-patch", "0",
                naming: ["--base-patch is 0"])
        }
    }

    /// One set of weights in two formats: as this program writes it, and as Lightning saves a published run.
    @Test(arguments: ["safetensors", "ckpt"])
    func anAlignedRunAgrees(kind: String) throws {
        try Workplace.with { place in
            let arguments = [
                "verify", fixture("aligned-checkpoint.\(kind)"), fixture("aligned-training.safetensors"),
            ]
            let outcome = try place.succeed(arguments)
            for name in ["train.flow", "train.align", "grad.proj.0.4.weight", "final.proj.0.0.bias"] {
                #expect(outcome.output.contains("\n\(name) "))
            }
            // The reference has layer and weight; options override them.
            #expect(try place.run(arguments + ["--repa-layer", "1"]).status == 1)
            #expect(try place.run(arguments + ["--repa-weight", "0.5"]).status == 1)
            try place.succeed(arguments + ["--repa-layer", "2", "--repa-weight", "0.7"])
            try place.refuse(arguments + ["--repa-layer", "9"], naming: ["--repa-layer is 9", "1 to 3"])
        }
    }

    @Test func anEncoderIsDescribed() throws {
        try Workplace.with { place in
            let text = try place.succeed("info", fixture("transformers-registers")).output
            for part in [
                "DINOv2 ViT/14 with registers", "names of transformers", "width 24, depth 2, heads 3", "SwiGLU",
            ] {
                #expect(text.contains(part), "\(text)")
            }
            let hub = try place.succeed("info", fixture("hub.pth"), "--heads", "3", "--size", "64x48").output
            #expect(hub.contains("names of torch hub") && hub.contains("offset of 0.1") && hub.contains("64 x 48"))
            let unknown = try place.succeed("info", fixture("hub.pth")).output
            #expect(unknown.contains("not usable") && unknown.contains("--heads"))
            let json = try place.succeed("info", fixture("transformers"), "--json").output
            #expect(json.contains("\"patch_size\" : 14") && json.contains("\"fingerprint\""))
        }
    }

    @Test func featuresAreEncodedAndTrainedWith() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let encode = [
                "encode", "features", fixture("transformers"), "shapes", "--out", "features", "--size", "16",
                "--base-patch", "4",
            ]
            #expect(try place.succeed(encode).output == "Features of 24 images are in features, 24 of them new.\n")
            #expect(try place.succeed(encode).output == "Features of 24 images are in features, 0 of them new.\n")
            let aligned = ["train", "tiny.yaml", "--set", "model.patch_size=4", "--set", "repa.layer=2"]
            let outcome = try place.succeed(aligned + ["--set", "repa.features=features"])
            #expect(outcome.output.contains("aligned    block 2 with ViT/14, from features"))
            #expect(outcome.errors.contains("flow ") && outcome.errors.contains("align "))
            let info = try place.succeed("info", "runs/tiny").output
            #expect(info.contains("diffusion_trainer.proj.*: from token width 16 through 16 to feature width 24"))
            try place.succeed("convert", "runs/tiny", "tiny.safetensors")
            #expect(try place.succeed("info", "tiny.safetensors").output.contains("projector"))
            let inStep = try place.succeed(
                aligned + ["--set", "name=in-step", "--set", "repa.encoder=\(fixture("transformers"))"])
            #expect(inStep.output.contains("aligned    block 2 with ViT/14, positions bicubic to the size"))
        }
    }

    @Test func whatCannotBeEncodedIsRefused() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let start = ["encode", "features", fixture("transformers"), "shapes", "--out"]
            try place.refuse(start + ["a", "--size", "18", "--base-patch", "4"], naming: ["is 18", "20"])
            try place.refuse(start + ["shapes", "--size", "16"], naming: ["shapes", "something other than features"])
            try place.refuse(start + ["a", "--batch", "0"], naming: ["--batch is 0"])
            try place.refuse(
                "encode", "features", "missing.pth", "shapes", "--out", "a", naming: ["no encoder missing.pth"])
            #expect(!place.exists("a"))
            try place.refuse(
                "train", "tiny.yaml", "--set", "repa.encoder=missing.pth", "--set", "repa.layer=1",
                naming: ["no encoder missing.pth"])
            #expect(!place.exists("runs"))
        }
    }
}
