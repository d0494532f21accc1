import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Files that torch.save wrote; `Tests/Fixtures/make_torch_fixtures.py` makes them.
@Suite struct TorchFileTests {
    private func open(_ name: String) throws -> TensorFile {
        try TensorFile.open(path: Fixtures.path("torch/\(name)"))
    }

    private func expectEqual(_ file: TensorFile, _ expected: TensorFile) throws {
        #expect(Set(file.names) == Set(expected.names))
        for name in expected.names {
            #expect(file.shape(of: name) == expected.shape(of: name), "\(name)")
            #expect(file.elementType(of: name) == expected.elementType(of: name), "\(name)")
            let elements = try file.elements(of: name)
            let same = try elements.withUnsafeBytes { bytes in
                try expected.elements(of: name).withUnsafeBytes { bytes.elementsEqual($0) }
            }
            #expect(same, "\(name) has other elements than PyTorch reads")
        }
    }

    @Test(arguments: [
        "plain.pt", "plain-protocol4.pth", "plain-protocol5.pth", "buffer.pt", "deflated.pt", "zip64.pt",
        "parameters.pt", "strided.pt", "types.pt", "unread-types.pt", "wrapped.pt", "dit.pt", "nested.pth",
        "average-only.pt", "malicious-beside-weights.pt",
    ])
    func readsWhatPyTorchReads(name: String) throws {
        let file = try open(name)
        #expect(file.kind == .torch)
        try expectEqual(file, open("\(name).expected.safetensors"))
    }

    @Test func readsLightningWithWhatItDoesNotKnow() throws {
        let file = try open("lightning.ckpt")
        #expect(file.metadata["epoch"] == "2")
        #expect(file.metadata["global_step"] == "4321")
        #expect(file.metadata["pytorch-lightning_version"] == "2.5.0")
        #expect(file.notes.skippedGlobals.contains("omegaconf.dictconfig.DictConfig"))
        #expect(file.notes.skippedGlobals.contains("lightning.pytorch.callbacks.model_checkpoint.ModelCheckpoint"))
        #expect(file.notes.otherEntries.contains("optimizer_states"))
        #expect(!file.notes.otherEntries.contains("state_dict"))
        #expect(file.names.contains("diffusion_trainer.proj.0.0.weight"))
    }

    /// PyTorch rounded the weights of the fixture; rounding them here must give the same bits.
    @Test(arguments: [(WeightKind.raw, ElementType.float16), (.ema, .bfloat16)])
    func roundsAsPyTorchDoes(kind: WeightKind, type: ElementType) throws {
        try withTemporaryDirectory { directory in
            let full = try DenoiserCheckpoint(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors"))
            let rounded = try DenoiserCheckpoint(path: Fixtures.path("torch/lightning.ckpt"))
            for (checkpoint, name) in [(full, "full"), (rounded, "rounded")] {
                let result = try checkpoint.conversion(kind, type: type)
                    .write(to: "\(directory)/\(name).safetensors", metadata: [:])
                #expect(result.overflows.isEmpty)
            }
            try expectEqual(
                TensorFile.open(path: "\(directory)/full.safetensors"),
                TensorFile.open(path: "\(directory)/rounded.safetensors"))
        }
    }

    @Test(arguments: WeightKind.allCases)
    func loadsModel(kind: WeightKind) throws {
        let model = try #require(
            try DenoiserCheckpoint(path: Fixtures.path("torch/lightning.ckpt")).load(kind) as? PixNerd)
        let full = try #require(
            try DenoiserCheckpoint(path: Fixtures.path("pixnerd/tiny-checkpoint.safetensors")).load(kind) as? PixNerd)
        #expect(model.architecture == full.architecture)
        for (a, b) in zip(model.parameters, full.parameters) {
            expectClose(
                a.value, b.value, Tolerance(relative: 4e-3, because: "bfloat16 keeps eight bits of each weight"), a.name
            )
        }
    }

    @Test func reportsUnreadableTensors() throws {
        let notes = try open("unread-types.pt").notes
        #expect(Set(notes.unreadable.map(\.name)) == ["complex", "uint16", "float8", "sparse", "quantized"])
        #expect(notes.unreadable.contains { $0.reason == "of the type torch.uint16" })
    }

    @Test(arguments: [
        ("torchscript.pt", "TorchScript"), ("bare.pkl", "bare pickle"),
        ("one-tensor.pt", "single tensor"), ("whole-model.pt", "models.pixnerd.PixNerd"),
        ("no-tensors.pt", "epoch, state_dict"), ("colliding.pt", "called a once"), ("bzip2.pt", "method 12"),
    ])
    func refuses(name: String, words: String) throws {
        let error = try #require(throws: PixNerdError.self) { try open(name) }
        expectSentence(error.description)
        #expect(error.description.contains(words), "\(error)")
    }

    @Test(arguments: [
        "os-system", "posix-system", "subprocess-getoutput", "builtins-eval", "builtins-exec", "__builtin__-eval",
        "torch-load",
    ])
    func neverRuns(name: String) throws {
        let error = try #require(throws: PixNerdError.self) { try open("malicious-\(name).pt") }
        #expect(error.description.contains(name.replacing("-", with: ".")), "\(error)")
        #expect(!FileManager.default.fileExists(atPath: "pixnerd-a-pickle-was-run"))
    }

    @Test func namesWhatItDidNotRun() throws {
        let notes = try open("malicious-beside-weights.pt").notes
        #expect(notes.skippedGlobals == ["os.system"])
        #expect(!FileManager.default.fileExists(atPath: "pixnerd-a-pickle-was-run"))
    }

    @Test func readsFileBeyondFourGigabytesInPlace() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/large.pt"
            try writeSparseArchive(to: path, storage: 5 << 30)
            let start = ContinuousClock.now
            let file = try TensorFile.open(path: path)
            #expect(file.names.count == 2)
            #expect(try file.tensor("tail").values == [1.5, -2])
            #expect(try file.tensor("after").values == [3])
            #expect(ContinuousClock.now - start < .seconds(2))
        }
    }

    /// A file with a storage of many zeros that take no room on the disk, its last two floats set, and a small storage
    /// behind it.
    private func writeSparseArchive(to path: String, storage: Int) throws {
        let floats = storage / 4
        let pickle = PickleText.dictionary([
            ("tail", PickleText.tensor(count: floats, offset: floats - 2, shape: [2], strides: [1])),
            ("after", PickleText.tensor(key: "1", count: 1, shape: [1], strides: [1])),
        ])
        let little = TorchArchive.little
        try Data().write(to: URL(fileURLWithPath: path))
        let file = try #require(FileHandle(forWritingAtPath: path))
        defer { try? file.close() }
        var directory: [UInt8] = []
        var place = 0
        func floatBytes(_ values: [Float]) -> [UInt8] { values.flatMap { little(Int($0.bitPattern), 4) } }
        for (name, size, end) in [
            ("archive/data.pkl", pickle.count, pickle), ("archive/data/0", storage, floatBytes([1.5, -2])),
            ("archive/data/1", 4, floatBytes([3])),
        ] {
            // Sizes and places stand in the extra field of zip64, whatever they are.
            let common = little(45, 2) + little(0, 4) + little(0, 8) + little(-1, 4) + little(-1, 4)
            let sizes = little(size, 8) + little(size, 8)
            directory += little(0x0201_4b50, 4) + little(45, 2) + common + little(name.utf8.count, 2) + little(28, 2)
            directory += little(0, 10) + little(-1, 4) + Array(name.utf8)
            directory += little(1, 2) + little(24, 2) + sizes + little(place, 8)
            let header =
                little(0x0403_4b50, 4) + common + little(name.utf8.count, 2) + little(20, 2) + Array(name.utf8)
                + little(1, 2) + little(16, 2) + sizes
            try file.seek(toOffset: UInt64(place))
            try file.write(contentsOf: header)
            place += header.count + size
            try file.seek(toOffset: UInt64(place - end.count))
            try file.write(contentsOf: end)
        }
        let end64 =
            little(0x0606_4b50, 4) + little(44, 8) + little(45, 2) + little(45, 2) + little(0, 8) + little(3, 8)
            + little(3, 8) + little(directory.count, 8) + little(place, 8)
        let locator = little(0x0706_4b50, 4) + little(0, 4) + little(place + directory.count, 8) + little(1, 4)
        let end = little(0x0605_4b50, 4) + little(0, 4) + little(3, 2) + little(3, 2) + little(-1, 4) + little(-1, 4)
        try file.write(contentsOf: directory + end64 + locator + end + little(0, 2))
    }
}
