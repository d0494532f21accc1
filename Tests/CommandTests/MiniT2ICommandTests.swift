import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// A MiniT2I in its published layout is used as any other checkpoint.
@Suite struct MiniT2ICommandTests {
    private func path(_ name: String) -> String { Fixtures.path("minit2i/\(name)") }

    /// The directory of the pipeline, that of the model in it, and the file.
    @Test(arguments: ["", "/transformer", "/transformer/diffusion_pytorch_model.safetensors"])
    func itIsDescribed(part: String) throws {
        try Workplace.with { place in
            let text = try place.succeed("info", path("minit2i-b") + part).output
            for part in ["MiniT2I: hidden_size 32, num_heads 2, head_dim 16", "txt_input_size 24"] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
        }
    }

    @Test(arguments: [
        ("minit2i-b", "forward-b_16x40"), ("minit2i-l", "forward-l_32x32"), ("minit2i-b", "samples"),
        ("minit2i-b", "training"),
    ])
    func itAgreesWithPyTorch(model: String, reference: String) throws {
        try Workplace.with { place in
            let output = try place.succeed("verify", path(model), path("\(reference).safetensors")).output
            #expect(!output.contains("too far") && output.hasSuffix(" agree.\n"))
        }
    }

    @Test func aTamperedReferenceDoesNotAgree() throws {
        try Workplace.with { place in
            try writeCopy(
                of: SafetensorsFile(path: path("forward-b_16x40.safetensors")), to: place.path("tampered.safetensors")
            ) { name, values in
                if name == "clean" { values = values.map { $0 * 1.001 } }
            }
            let outcome = try place.run("verify", path("minit2i-b"), "tampered.safetensors")
            #expect(outcome.isExit && outcome.status == 1 && outcome.output.contains("too far"))
        }
    }

    @Test func aDirectoryWithoutWeightsIsRefused() throws {
        try Workplace.with { place in
            try place.makeFolder("pipeline/transformer")
            try place.refuse(
                "sample", "pipeline", "--prompt", "a cat", "--out", "a.png",
                naming: ["pipeline", "lacks", "diffusion_pytorch_model.safetensors"])
        }
    }

    /// With a T5 beside it; the same prompt and seed give the same image alone and in a batch, up to rounding.
    @Test func imagesAreSampled() throws {
        try Workplace.with { place in
            try T5Fixtures.copyModel(.flan, to: place.path("flan-t5"))
            try T5Fixtures.writeTokenizer(.flan, "spiece.model", to: place.path("flan-t5"))
            let sample = ["sample", path("minit2i-b"), "--text-encoder", "flan-t5", "--steps", "4", "--overwrite"]
            try place.succeed(sample + ["--prompt", "a red boat", "--prompt", "", "--seeds", "1", "--out", "both"])
            #expect(try place.pictureNames(in: "both").count == 2)
            let alone = sample + ["--prompt", "a red boat", "--seeds", "1", "--out"]
            try place.succeed(alone + ["alone.npz"])
            #expect(try NpzFile(path: place.path("alone.npz")).shape(of: "arr_0") == [1, 32, 32, 3])
            try place.succeed(alone + ["wide.npz", "--size", "16x40"])
            try place.succeed(alone + ["floor.npz", "--floor", "0.4"])
            #expect(try place.bytes("alone.npz") != place.bytes("floor.npz"))
            try place.refuse(alone + ["a.png", "--floor", "0"], naming: ["--floor"])
        }
    }

    @Test func itNeedsItsTextEncoder() throws {
        try Workplace.with { place in
            try place.refuse(
                "sample", path("minit2i-b"), "--prompt", "a cat", "--out", "a.png", naming: ["--text-encoder"])
        }
    }

    @Test func aFloorIsForModelsOfPictures() throws {
        try Workplace.with { place in
            try place.refuse(
                "sample", Fixtures.path("t2i/model.safetensors"), "--prompt", "a cat", "--floor", "0.1", "--out",
                "a.png", naming: ["--floor", "predict a picture"])
        }
    }
}
