import Foundation
import PixNerdDiffusion
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// `--precision bf16` on machines with and without bf16.
@Suite struct PrecisionTests {
    private static let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")
    private static let sample = ["sample", tiny, "--size", "32", "--steps", "2", "--out", "p.safetensors"]

    @Test(.whereBFloat16IsHad)
    func whatWasRoundedIsSaid() throws {
        try Workplace.with { place in
            let sample = Self.sample + ["--out", "pictures"]
            try place.succeed(sample + ["--precision", "bf16"])
            let manifest = try String(decoding: place.bytes("pictures/manifest.json"), as: UTF8.self)
            #expect(manifest.contains(#""precision" : "bf16""#))
            // Another precision gives other images.
            try place.refuse(sample, naming: ["pictures", "precision is bf16 and not fp32", "--overwrite"])
            let kernels = Machine().usesTiles ? "over tiles (AMX)" : "by oneDNN"
            #expect(try place.succeed("info").output.contains(kernels))
        }
    }

    /// int8 is for sampling; it is recorded, and refused elsewhere in a sentence.
    @Test(.enabled(if: Machine().hasInt8, "the processor has neither AVX-512 VNNI nor AMX"))
    func int8IsForSampling() throws {
        try Workplace.with { place in
            try place.succeed(Self.sample + ["--out", "pictures", "--precision", "int8"])
            let manifest = try String(decoding: place.bytes("pictures/manifest.json"), as: UTF8.self)
            #expect(manifest.contains(#""precision" : "int8""#))
            try place.refuse(["evaluate", "pictures", "pictures", "--precision", "int8"], naming: ["int8", "bf16"])
            try place.refuse(
                ["bench", "--work", "small4-32", "--mode", "train", "--precision", "int8"], naming: ["int8", "bf16"])
            try place.write("data:\n  root: pictures\nprecision: int8\n", to: "train.yaml")
            try place.refuse(["train", "train.yaml"], naming: ["precision", "int8", "fp32 or bf16"])
        }
    }

    /// Without oneDNN everything else works, and what requires it says so. Tiles do not require it.
    @Test func withoutTheLibrary() throws {
        try Workplace.with { place in
            // Files that cannot be loaded hide the installed library.
            for name in ["libdnnl.so.2", "libdnnl.so.3"] { try place.write("no library", to: name) }
            let usesTiles = Machine().usesTiles
            func run(_ arguments: [String], withTiles: Bool = false) throws -> Outcome {
                var environment = ["LD_LIBRARY_PATH": place.directory]
                if usesTiles, !withTiles { environment["PIXNERD_ISA"] = "x86-64-v4" }
                return try place.finish("run", place.start("run", arguments, environment: environment))
            }
            let isRightProcessor = Machine().instructionSet.contains("bf16")
            let obstacle =
                isRightProcessor ? "neither libdnnl.so.3 nor libdnnl.so.2" : "needs a processor with AVX-512 BF16"
            let pictures = ["dataset", "shapes", "--out", "pictures", "--per-class", "1", "--size", "16"]
            #expect(try run(pictures).status == 0)
            try place.write("data:\n  root: pictures\n  image_size: 16\nprecision: bf16\n", to: "train.yaml")
            for arguments in [
                Self.sample + ["--precision", "bf16"], ["train", "train.yaml"],
                ["evaluate", "pictures", "pictures", "--precision", "bf16"],
                ["bench", "--work", "small4-32", "--mode", "forward", "--precision", "bf16"],
            ] {
                let refused = try run(arguments)
                #expect(refused.isExit && refused.status != 0, "\(arguments)")
                #expect(refused.errors.contains(obstacle) && refused.errors.contains("fp32"), "\(refused.errors)")
            }
            #expect(!place.exists("checkpoints") && !place.exists("p.safetensors"))
            let info = try run(["info"]).output
            #expect(info.contains("oneDNN           not found") && info.contains(obstacle))
            if usesTiles {
                let sample = Self.sample + ["--precision", "bf16", "--out", "tiles.safetensors"]
                #expect(try run(sample, withTiles: true).status == 0 && place.exists("tiles.safetensors"))
            }
            #expect(try run(Self.sample).status == 0 && place.exists("p.safetensors"))
        }
    }
}
