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
            #expect(try place.succeed("info").output.contains("by oneDNN"))
        }
    }

    /// Without oneDNN everything else works, and what requires it says so.
    @Test func withoutTheLibrary() throws {
        try Workplace.with { place in
            // Files that cannot be loaded hide the installed library.
            for name in ["libdnnl.so.2", "libdnnl.so.3"] { try place.write("no library", to: name) }
            func run(_ arguments: [String]) throws -> Outcome {
                let environment = ["LD_LIBRARY_PATH": place.directory]
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
            #expect(try run(Self.sample).status == 0 && place.exists("p.safetensors"))
        }
    }
}
