import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// Pickles that PyTorch never wrote.
@Suite struct PickleTests {
    private func read(_ pickle: [UInt8], storages: [String: [UInt8]] = [:]) throws -> Reading<TensorFile> {
        var reading: Reading<TensorFile>?
        try withScratchDirectory { directory in
            reading = try Reading.of(TorchArchive(pickle: pickle, storages: storages).bytes, in: directory)
        }
        return try #require(reading)
    }

    private func expectRefused(_ pickle: [UInt8], _ words: String, storages: [String: [UInt8]] = [:]) throws {
        guard case .refused(let message) = try read(pickle, storages: storages) else {
            Issue.record("read, but \(words) was expected")
            return
        }
        #expect(message.contains(words), "\(message)")
    }

    /// A pickle of a state dict with one sound tensor and something else.
    private func besideTensor(_ other: [UInt8]) -> [UInt8] {
        PickleText.dictionary([("w", PickleText.tensor(count: 2, shape: [2], strides: [1])), ("other", other)])
    }

    private let storage = ["0": [UInt8](repeating: 0, count: 8)]

    /// Named, since what a test takes is printed.
    static let unneeded: [String: [UInt8]] = [
        "lists": [UInt8](repeating: 0x5d, count: 100_000) + [UInt8](repeating: 0x61, count: 99_999),
        "tuples": [0x29] + [UInt8](repeating: 0x85, count: 100_000),
        "marks": [UInt8](repeating: 0x28, count: 100_000) + [UInt8](repeating: 0x74, count: 100_000),
        "dictionaries":
            [UInt8]([[UInt8]](repeating: [0x7d, 0x4b, 1], count: 100_000).joined()) + [0x4e]
            + [UInt8](repeating: 0x73, count: 100_000),
        "calls":
            PickleText.global("os", "system") + [UInt8]([[UInt8]](repeating: [0x29, 0x52], count: 100_000).joined()),
        "a list in itself": [0x5d, 0x71, 0, 0x68, 0, 0x61],
        "a dictionary in itself": [0x7d, 0x71, 0, 0x58, 1, 0, 0, 0, 0x61, 0x68, 0, 0x73],
        "bytes": [0x42, 3, 0, 0, 0, 1, 2, 3],
        "a large number": [0x8a, 20] + [UInt8](repeating: 0xff, count: 20),
    ]

    @Test(arguments: unneeded.keys.sorted())
    func skipsWhatItDoesNotNeed(name: String) throws {
        let pickled = try #require(Self.unneeded[name])
        guard case .file(let file) = try read(besideTensor(pickled), storages: storage) else {
            Issue.record("\(name) is refused")
            return
        }
        #expect(file.names == ["w"])
        #expect(file.shape(of: "w") == [2])
    }

    /// {'model': itself, 'ema': itself, 'state_dict': itself}
    @Test func findsNoWeightsInLoops() throws {
        let keys = ["model", "ema", "state_dict", "net", "module"]
        let entries = keys.flatMap { (key: String) -> [UInt8] in PickleText.string(key) + [0x68, 0, 0x73] }
        try expectRefused([0x80, 2, 0x7d, 0x71, 0] + entries + [0x2e], "no state dict")
    }

    /// Each level holds the one before ten times: as a tree 10^20 objects.
    @Test func readsSharedObjectsOnce() throws {
        var pickle: [UInt8] = [0x29, 0x94]
        for level in UInt8(0)..<20 {
            pickle += [0x30, 0x28] + [[UInt8]](repeating: [0x68, level], count: 10).joined() + [0x74, 0x94]
        }
        guard case .file(let file) = try read(besideTensor(pickle), storages: storage) else {
            Issue.record("refused")
            return
        }
        #expect(file.names == ["w"])
    }

    @Test func limitsHowMuchIsMade() throws {
        // A tuple of 100,000 that is made into a list again and again.
        let wide = [0x28] + [UInt8](repeating: 0x4e, count: 100_000) + [0x74, 0x71, 0, 0x30]
        let again = PickleText.global("builtins", "list") + [0x68, 0, 0x85, 0x52]
        let pickle = wide + [UInt8]([[UInt8]](repeating: again, count: 1000).joined()) + [0x2e]
        try expectRefused([0x80, 2] + pickle, "more objects than any checkpoint")
    }

    @Test(arguments: [
        ("nothing", [UInt8](), "cut short"),
        ("an end alone", [0x80, 2, 0x2e], "stack runs empty"),
        ("a number", [0x80, 2, 0x4b, 1, 0x2e], "plain value"),
        ("a list", [0x80, 2, 0x5d, 0x2e], "it is a list"),
        ("an old instruction", Array("S'a'\n.".utf8), "unknown instruction 83"),
        ("an extension", [0x80, 2, 0x82, 1, 0x2e], "unknown instruction 130"),
        ("a later protocol", [0x80, 6, 0x4e, 0x2e], "protocol 6"),
        ("a missing memo", [0x80, 2, 0x68, 9, 0x2e], "did not keep"),
        ("a missing mark", [0x80, 2, 0x74, 0x2e], "mark is missing"),
        ("a pop below a mark", [0x80, 2, 0x4e, 0x28, 0x30, 0x2e], "stack runs empty"),
        ("a key without a value", [0x80, 2, 0x7d, 0x28, 0x4e, 0x75, 0x2e], "no value"),
        ("a huge string", [0x80, 2, 0x8d] + [UInt8](repeating: 0xff, count: 8), "cut short"),
        ("a long string", [0x80, 2, 0x8d] + TorchArchive.little(1 << 62, 8), "cut short"),
        ("a negative length", [0x80, 2, 0x8b, 0xff, 0xff, 0xff, 0xff, 0x2e], "cut short"),
        ("an appended number", [0x80, 2, 0x4e, 0x4e, 0x61, 0x2e], "plain value"),
        ("a called number", [0x80, 2, 0x4b, 1, 0x29, 0x52, 0x2e], "calls a plain value"),
        ("a reference to elsewhere", [0x80, 2, 0x4b, 1, 0x51, 0x2e], "outside the pickle"),
        ("a class", [0x80, 2] + PickleText.global("os", "system") + [0x2e], "os.system, which is not run"),
        (
            "an instance", [0x80, 2, 0x28] + PickleText.string("true") + Array("ios\nsystem\n.".utf8),
            "os.system, which is not run"
        ),
        (
            "an object",
            [0x80, 2, 0x28] + PickleText.global("os", "system") + PickleText.string("true") + [0x6f, 0x2e],
            "os.system, which is not run"
        ),
        (
            "a global from strings",
            [0x80, 4] + PickleText.string("os") + PickleText.string("system") + [0x93]
                + PickleText.tuple([PickleText.string("true")]) + [0x52, 0x2e], "os.system, which is not run"
        ),
    ])
    func refuses(name: String, pickle: [UInt8], words: String) throws {
        try expectRefused(pickle, words)
    }

    @Test(arguments: [
        ([1 << 40, 1 << 40], [1, 1], 0, "impossible"), ([1 << 62], [1 << 62], 0, "impossible"),
        ([-1], [1], 0, "impossible"), ([2], [-1], 1, "impossible"), ([3], [1], 0, "needs 12 bytes"),
        ([2], [1], 1, "needs 12 bytes"), ([2], [1], -1, "impossible"), ([2], [1], Int.max - 1, "impossible"),
        ([1 << 30], [0], 0, "repeats"), ([2], [2], 0, "needs 12 bytes"),
        ([1 << 31, 1 << 31, 0], [0, 0, 0], 0, "imposs"),
    ])
    func refusesViewsBeyondStorage(shape: [Int], strides: [Int], offset: Int, words: String) throws {
        let tensor = PickleText.tensor(count: 2, offset: offset, shape: shape, strides: strides)
        try expectRefused(PickleText.dictionary([("w", tensor)]), words, storages: storage)
    }

    @Test func refusesMissingStorage() throws {
        let tensor = PickleText.tensor(key: "../../secret", count: 2, shape: [2], strides: [1])
        try expectRefused(PickleText.dictionary([("w", tensor)]), "which the file lacks", storages: storage)
    }

    @Test func showsNoControlCharacters() throws {
        let tensor = PickleText.tensor(key: "\u{1b}[2J\n", count: 2, shape: [2], strides: [1])
        try expectRefused(PickleText.dictionary([("w\u{202e}", tensor)]), "\u{fffd}[2J\u{fffd}", storages: storage)
    }

    @Test(arguments: [
        "plain.pt", "plain-protocol4.pth", "strided.pt", "types.pt", "unread-types.pt", "parameters.pt",
        "malicious-beside-weights.pt",
    ])
    func refusesPickleCutAnywhere(name: String) throws {
        let archive = TorchArchive(reading: try fixtureBytes("torch/\(name)"))
        try withScratchDirectory { directory in
            for count in 0..<archive.pickle.count {
                var cut = archive
                cut.pickle = Array(archive.pickle.prefix(count))
                guard case .refused = try Reading.of(cut.bytes, in: directory) else {
                    Issue.record("\(name) is read with \(count) bytes of its pickle")
                    return
                }
            }
        }
    }

    @Test(arguments: [
        ("plain.pt", 1), ("deflated.pt", 1), ("zip64.pt", 1), ("buffer.pt", 1), ("malicious-beside-weights.pt", 1),
        ("torchscript.pt", 1), ("before-1.6.pt", 1), ("strided.pt", 1), ("types.pt", 1), ("dit.pt", 100),
        ("lightning.ckpt", 1000),
    ])
    func refusesFileCutAnywhere(name: String, step: Int) throws {
        let whole = try fixtureBytes("torch/\(name)")
        try withScratchDirectory { directory in
            for count in stride(from: 0, to: whole.count, by: step) {
                guard case .refused = try Reading.of(Array(whole.prefix(count)), in: directory) else {
                    Issue.record("\(name) is read with \(count) of \(whole.count) bytes")
                    return
                }
            }
        }
    }
}
