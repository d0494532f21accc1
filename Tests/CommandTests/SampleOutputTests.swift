import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTestSupport
import Testing

/// Names of outputs, shapes of sheets, and jobs that are stopped.
@Suite struct SampleOutputCommandTests {
    /// A checkpoint with five unnamed classes, patches of 4 x 4, and no training size.
    private static let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")

    private func arguments(_ out: String, _ more: String...) -> [String] {
        ["sample", Self.tiny, "--size", "8", "--steps", "1", "--out", out] + more
    }

    @Test(arguments: [
        "grid.jpg", "grid.jpeg", "grid.webp", "grid.tiff", "grid.npy", "grid.pgn", "grid.jp2", ".png", "",
    ])
    func otherExtensionsAreRefused(out: String) throws {
        try Workplace.with { place in
            try place.refuse(
                arguments(out), naming: ["--out is '\(out)'", ".png, .npz, .safetensors, .gif or .apng", "folder"])
            #expect(try place.names().isEmpty)
        }
    }

    @Test(arguments: ["run.v2", "grid.jpg/", "guidance-2.5"])
    func foldersMayHaveDots(out: String) throws {
        try Workplace.with { place in
            try place.succeed(arguments(out, "--classes", "1", "--seeds", "1"))
            #expect(try place.names(in: out) == ["1-seed1.png", "manifest.json"])
        }
    }

    @Test func outputsAreKeptApart() throws {
        try Workplace.with { place in
            try FileManager.default.copyItem(atPath: Self.tiny, toPath: place.path("model.safetensors"))
            let before = try place.bytes("model.safetensors")
            try place.refuse(
                "sample", "model.safetensors", "--size", "8", "--out", "./model.safetensors", "--overwrite",
                naming: ["--out", "model.safetensors, which is read"])
            #expect(try place.bytes("model.safetensors") == before)
            try place.refuse(arguments("a.png", "--preview", "a.png"), naming: ["--preview is 'a.png'", "--out"])
            try place.refuse(
                arguments("a.png", "--trajectory", "b.png", "--preview", "./b.png"),
                naming: ["--preview is './b.png'", "--trajectory"])
        }
    }

    @Test func countsMakeRowsByClass() throws {
        try Workplace.with { place in
            try place.succeed(arguments("count.png", "--count", "10"))
            try place.succeed(arguments("class.png", "--per-class", "2"))
            let (a, b) = (try ImageFile.read(place.path("count.png")), try ImageFile.read(place.path("class.png")))
            #expect(a.height == b.height && a.width == b.width)
            let manifest = try String(decoding: place.bytes("count.png.json"), as: UTF8.self)
            let labels = manifest.matches(of: /"label" : ([0-9])/).compactMap { Int($0.1) }
            #expect(labels == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], "in the order of the sheet")
            // A strip of 300 rows would be of no use.
            try place.succeed(arguments("many.png", "--count", "300", "--labels", "random"))
            let many = try ImageFile.read(place.path("many.png"))
            #expect(abs(many.height - many.width) < many.height / 5)
            try place.refuse(arguments("large.png", "--count", "200000"), naming: ["large.png", "200000 images"])
        }
    }

    @Test(arguments: [
        ["--per-class", "10000000"], ["--batch", "9223372036854775807", "--size", "16000", "--count", "1000"],
        ["--vae-tile", "9223372036854775807"],
    ])
    func numbersThatAreTooLarge(more: [String]) throws {
        try Workplace.with { place in
            try place.refuse(arguments("a") + more, naming: [])
            #expect(try place.names().isEmpty)
        }
    }

    @Test(arguments: ["9223372036854775807", "18446744073709551615"])
    func numbersThatAreLarge(seed: String) throws {
        _ = try Workplace.with { place in
            try place.succeed(
                arguments("a.safetensors", "--first-seed", seed, "--count", "3", "--batch", "9223372036854775807"))
        }
    }

    /// Two equal times leave the Adams-Bashforth method without weights, which must not end as black images.
    @Test func imagesThatAreNotFiniteAreRefused() throws {
        try Workplace.with { place in
            let outcome = try place.run(
                arguments("a", "--steps", "2", "--sampler", "adams", "--last-step", "1e-30"))
            #expect(outcome.isExit && outcome.status != 0)
            #expect(outcome.errors.contains("have pixels that are not finite; use a lower --guidance"))
            #expect(try place.pictureNames(in: "a").isEmpty)
        }
    }

    @Test(arguments: ["grid.png", "a.npz", "pictures"])
    func aStoppedJobSaysWhatIsKept(out: String) throws {
        try Workplace.with { place in
            let all = arguments(out, "--steps", "300", "--count", "40", "--batch", "4")
            let process = try place.start("stopped", all)
            let parts = out == "pictures" ? out : "\(out).parts"
            while process.isRunning, ((try? place.names(in: parts)) ?? []).count < 3 { usleep(500) }
            kill(process.processIdentifier, SIGINT)
            let outcome = try place.finish("stopped", process)
            #expect(outcome.isExit && outcome.status == 130, "\(outcome.errors)")
            #expect(outcome.output.contains("of 40 images are kept in \(parts). Resume with: pixnerd sample "))
            #expect(outcome.output.contains("--out \(out)"))
        }
    }

    /// A model that was never trained without a class.
    @Test func guidanceNeedsDroppedLabels() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed("train", "tiny.yaml", "--set", "training.label_dropout=0")
            func sample(_ out: String, _ more: String...) throws -> (errors: String, manifest: String) {
                let outcome = try place.succeed(
                    ["sample", "runs/tiny", "--out", out, "--steps", "1", "--seeds", "1"] + more)
                return (outcome.errors, try String(decoding: place.bytes("\(out).json"), as: UTF8.self))
            }
            let plain = try sample("a.png")
            #expect(plain.errors.contains("training.label_dropout 0"))
            #expect(plain.manifest.contains(/"guidance" : \[\s*1\s*\]/))
            let guided = try sample("b.png", "--guidance", "3")
            #expect(guided.errors.contains("warning: runs/tiny was trained with training.label_dropout 0"))
            #expect(guided.manifest.contains(/"guidance" : \[\s*3\s*\]/))
            let metadata = try SafetensorsFile(path: place.path("runs/tiny/step-0000003/ema.safetensors")).metadata
            #expect(metadata["label_dropout"] == "0.0")
        }
    }

    @Test func evaluationsAreRefusedBeforeTheWork() throws {
        try Workplace.with { place in
            for name in ["a", "b"] {
                try place.succeed("dataset", "shapes", "--out", name, "--per-class", "1", "--size", "16")
            }
            let weights = ["--features", "dinov2", "--weights", Fixtures.path("dinov2/transformers")]
            try place.refuse(
                ["evaluate", "a", "b", "--save-real", "missing/a.npz"] + weights,
                naming: ["missing/a.npz cannot be written", "create its folder"])
            try place.refuse(["evaluate", "a", "b", "--save-real", "a.txt"] + weights, naming: ["a.txt", ".npz"])
            try place.refuse(
                ["evaluate", "a", "b", "--save-real", "x.npz", "--save-generated", "./x.npz"] + weights,
                naming: ["--save-generated", "--save-real"])
            try place.refuse("evaluate", "a", "b", "--patch", "9223372036854775807", naming: ["9223372036854775807"])
        }
    }
}
