import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Outputs that cannot be written are refused before the work, and what is kept is said.
@Suite struct OutputCheckTests {
    private static let requests = RequestList.perClass(3, prompts: [0, 1].map(Prompt.label), firstSeed: 1)

    private func plan(
        _ path: String, _ requests: [PictureRequest] = requests, overwrites: Bool = false, side: Int = 2
    ) -> SamplePlan {
        // The sizes are sound, and the file is this one.
        let provenance = try! SamplingProvenance(
            file: #filePath, weights: .ema, size: PictureSize(height: side, width: side, multiple: 2), route: .grid,
            settings: SamplingSettings(), noise: .torch, autoencoder: nil, tile: nil, precision: .fp32, batch: 2)
        return SamplePlan(
            path: path, requests: requests,
            conditioner: try! ClassConditioner(classes: 2, names: ["class0", "class1"]),
            manifest: SampleManifest(program: "pixnerd 0", checkpoint: "somewhere", provenance: provenance),
            overwrites: overwrites)
    }

    private let pixels = Tensor([Float](repeating: 0, count: 24), shape: [2, 3, 2, 2])

    @Test func theExtensionDecidesTheForm() throws {
        let forms: [(String, SampleForm)] = [
            ("a.png", .grid), ("b/A.PNG", .grid), ("a.npz", .npz), ("a.b.safetensors", .floats), ("pictures", .folder),
            ("pictures/", .folder), ("a.png/", .folder), ("a.jpg/", .folder), ("run.v2", .folder), ("run-0.5", .folder),
            ("lr1e-4.step100", .folder), (".", .folder), ("..", .folder), (".hidden", .folder), ("a.", .folder),
            ("x.guided", .folder), ("a.gif", .animation(.gif)), ("a.APNG", .animation(.apng)),
        ]
        for (path, form) in forms { #expect(try SampleForm(path: path) == form, "\(path)") }
        for path in [
            "a.jpg", "a.JPEG", "a.webp", "a.tiff", "a.npy", "a.pgn", "a.jp2", "a.mp4", "a.safetensor", "a.tar.gz",
            "a.h5",
            ".png", "b/.npz", "",
        ] {
            let error = #expect(throws: PixNerdError.self, "\(path)") { try SampleForm(path: path) }
            expectSentence(error?.description ?? "", naming: ["'\(path)'", ".png", ".npz", ".safetensors", "folder"])
        }
    }

    @Test func aFolderThatIsThereIsAFolder() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/old.jpg", withIntermediateDirectories: false)
            #expect(try SampleForm(path: "\(directory)/old.jpg") == .folder)
        }
    }

    /// Names that are too long cannot be written by any user, whatever the permissions.
    @Test(arguments: [".png", ".npz", ".safetensors"])
    func filesThatCannotBeWritten(ending: String) throws {
        try withTemporaryDirectory { directory in
            for length in [246, 300] {
                let name = String(repeating: "n", count: length - ending.count) + ending
                let error = #expect(throws: PixNerdError.self) { _ = try plan("\(directory)/\(name)").open() }
                expectSentence(error?.description ?? "", naming: ["nnn", "cannot be written"])
            }
            let left = try FileManager.default.contentsOfDirectory(atPath: directory)
            #expect(left.isEmpty)
        }
    }

    @Test func foldersInTheWay() throws {
        try withTemporaryDirectory { directory in
            for name in ["a.png", "b.png.json"] {
                try FileManager.default.createDirectory(
                    atPath: "\(directory)/\(name)", withIntermediateDirectories: false)
            }
            for (path, needed) in [("a.png", "a.png is a folder"), ("b.png", "b.png.json is a folder")] {
                let error = #expect(throws: PixNerdError.self) {
                    _ = try plan("\(directory)/\(path)", overwrites: true).open()
                }
                expectSentence(error?.description ?? "", naming: [needed])
            }
        }
    }

    @Test func sheetsThatAreTooLarge() throws {
        try withTemporaryDirectory { directory in
            let many = RequestList.count(100_000, prompts: [0, 1].map(Prompt.label), labels: .balanced, firstSeed: 0)
            let error = #expect(throws: PixNerdError.self) {
                _ = try plan("\(directory)/a.png", many, side: 64).open()
            }
            expectSentence(error?.description ?? "", naming: ["a.png", "100000 images", "folder", ".npz"])
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
            _ = try plan("\(directory)/b.png", Array(many.prefix(2000)), side: 64).open()
        }
    }

    @Test func partsOfAnotherShapeAreNamed() throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/a.npz").open()
            for first in [0, 2, 4] { try output.write(pixels, first: first) }
            let parts = "\(directory)/a.npz.parts"
            var wide = try plan("\(directory)/b.npz", side: 4).open()
            try wide.write(Tensor([Float](repeating: 0, count: 96), shape: [2, 3, 4, 4]), first: 2)
            try FileManager.default.removeItem(atPath: "\(parts)/00000002.safetensors")
            try FileManager.default.copyItem(
                atPath: "\(directory)/b.npz.parts/00000002.safetensors", toPath: "\(parts)/00000002.safetensors")
            let error = #expect(throws: PixNerdError.self) { try output.finish() }
            expectSentence(error?.description ?? "", naming: ["00000002.safetensors", "[2, 4, 4, 3]", "[2, 2, 2, 3]"])
        }
    }

    @Test(arguments: ["a.png", "a.npz", "a.safetensors"])
    func whatIsKeptOfAStoppedJob(name: String) throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/\(name)").open()
            try output.write(pixels, first: 0)
            try output.write(pixels, first: 2)
            let kept = output.stop()
            #expect(kept == KeptSamples(count: 4, path: "\(directory)/\(name).parts"))
            let error = PixNerdError(.system, "x", found: "cannot be written: No space left on device")
            expectSentence(
                error.keeping(kept, of: 6).description, naming: ["No space left", "4 of 6 images are kept in", "parts"])
            // A job that is started again to overwrite goes on, too.
            #expect(try plan("\(directory)/\(name)", overwrites: true).open().kept == 4)
        }
    }

    @Test func nothingIsLeftOfAJobWithoutBatches() throws {
        try withTemporaryDirectory { directory in
            #expect(try plan("\(directory)/a.png").open().stop().count == 0)
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
            // Files of somebody else in the folder stay.
            let output = try plan("\(directory)/a.png").open()
            try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(directory)/a.png.parts/mine.txt"))
            _ = output.stop()
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/a.png.parts")
            #expect(left == ["mine.txt"])
        }
    }

    /// An interrupted job that overwrites must not take the older images for its own when it resumes.
    @Test func imagesToOverwriteAreNotKept() throws {
        try withTemporaryDirectory { directory in
            var first = try plan("\(directory)/p").open()
            try first.write(pixels, first: 0)
            _ = try plan("\(directory)/p", overwrites: true).open()
            #expect(try plan("\(directory)/p").open().kept == 0)
        }
    }
}
