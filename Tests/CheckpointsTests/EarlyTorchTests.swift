import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// A file in the format of `torch.save` before PyTorch 1.6, made without the code under test.
struct EarlyTorchArchive {
    var version = 1001
    var isLittleEndian = true
    var pickle: [UInt8]
    /// The keys in the list, each with the number of elements that is written before them, and the bytes.
    var storages: [(key: String, count: Int, bytes: [UInt8])]

    /// A dictionary of tensors over storages of floats.
    init(_ tensors: [(String, [UInt8])], _ storages: [(key: String, values: [Float])]) {
        pickle = PickleText.dictionary(tensors)
        self.storages = storages.map { key, values in
            (key, values.count, values.flatMap { TorchArchive.little(Int($0.bitPattern), 4) })
        }
    }

    var bytes: [UInt8] {
        let magic: [UInt8] = [0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19]
        var bytes: [UInt8] = [0x80, 2] + magic + [0x2e]
        bytes += [0x80, 2] + PickleText.number(version) + [0x2e]
        bytes += PickleText.dictionary([("little_endian", [isLittleEndian ? 0x88 : 0x89])])
        bytes += pickle
        bytes += [0x80, 2, 0x28]
        for storage in storages { bytes += PickleText.string(storage.key) }
        bytes += [0x6c, 0x2e]
        for storage in storages { bytes += TorchArchive.little(storage.count, 8) + storage.bytes }
        return bytes
    }
}

@Suite struct EarlyTorchTests {
    private func read(_ archive: EarlyTorchArchive, _ body: (TensorFile) throws -> Void) throws {
        try withScratchDirectory { directory in
            switch try Reading.of(archive.bytes, in: directory) {
            case .file(let file): try body(file)
            case .refused(let reason): Issue.record("refused: \(reason)")
            }
        }
    }

    private func refuse(_ archive: EarlyTorchArchive, _ words: String) throws {
        try withScratchDirectory { directory in
            switch try Reading.of(archive.bytes, in: directory) {
            case .file: Issue.record("it is read")
            case .refused(let reason): #expect(reason.contains(words), "\(reason)")
            }
        }
    }

    private static let numbers = (key: "9385", values: (0..<12).map { Float($0) })

    /// One tensor over all of a storage.
    private static func plain() -> EarlyTorchArchive {
        EarlyTorchArchive(
            [("a", PickleText.tensor(key: "9385", count: 12, shape: [3, 4], strides: [4, 1]))], [numbers])
    }

    @Test func readsWhatPyTorchWrote() throws {
        let file = try TensorFile.open(path: Fixtures.path("torch/before-1.6.pt"))
        #expect(file.kind == .earlyTorch && file.names == ["a"])
        let expected = try SafetensorsFile(
            path: Fixtures.path("torch/malicious-beside-weights.pt.expected.safetensors"))
        #expect(try file.tensor("a").values == expected.tensor("a").values)
    }

    @Test func readsViewsOfSharedStorages() throws {
        func tensor(_ offset: Int, _ shape: [Int], _ strides: [Int]) -> [UInt8] {
            PickleText.tensor(key: "9385", count: 12, offset: offset, shape: shape, strides: strides)
        }
        let archive = EarlyTorchArchive(
            [
                ("all", tensor(0, [3, 4], [4, 1])), ("transposed", tensor(0, [4, 3], [1, 4])),
                ("row", tensor(4, [4], [1])),
                ("other", PickleText.tensor(key: "7", count: 1, shape: [1], strides: [1])),
            ], [(key: "7", values: [0.5]), Self.numbers])
        try read(archive) { (file: TensorFile) throws -> Void in
            #expect(file.names == ["all", "transposed", "row", "other"])
            #expect(try file.tensor("all").values == Self.numbers.values)
            #expect(try file.tensor("transposed").values == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
            #expect(try file.tensor("row").values == [4, 5, 6, 7])
            #expect(try file.tensor("other").values == [0.5])
        }
    }

    /// A storage may be given as a part of another one: (key, first element, elements).
    @Test(arguments: [(4, true), (8, true), (9, false), (-1, false), (Int.max, false)])
    func readsPartsOfStorages(start: Int, fits: Bool) throws {
        var archive = Self.plain()
        let part = PickleText.tuple([PickleText.string("5"), PickleText.number(start), PickleText.number(4)])
        let identifier = PickleText.tuple([
            PickleText.string("storage"), PickleText.global("torch", "FloatStorage"), PickleText.string("9385"),
            PickleText.string("cpu"), PickleText.number(12), part,
        ])
        let tensor =
            PickleText.global("torch._utils", "_rebuild_tensor")
            + PickleText.tuple([
                identifier + [0x51], PickleText.number(0), PickleText.numbers([4]), PickleText.numbers([1]),
            ])
            + [0x52]
        archive.pickle = PickleText.dictionary([("a", tensor)])
        guard fits else { return try refuse(archive, "a") }
        let expected = (start..<start + 4).map { Float($0) }
        try read(archive) { (file: TensorFile) throws -> Void in
            let values = try file.tensor("a").values
            #expect(values == expected)
        }
    }

    @Test func refusesBigEndian() throws {
        var archive = Self.plain()
        archive.isLittleEndian = false
        try refuse(archive, "big-endian")
    }

    @Test func refusesOtherVersions() throws {
        var archive = Self.plain()
        archive.version = 1000
        try refuse(archive, "version")
    }

    @Test(arguments: [Int.max, Int.max / 4, 1 << 61, 13, -1, Int.min])
    func refusesImpossibleCounts(count: Int) throws {
        var archive = Self.plain()
        archive.storages[0].count = count
        try refuse(archive, "ends within the storage 9385")
    }

    @Test func refusesListsThatDoNotFit() throws {
        for keys in [["9385", "9385"], ["other"]] {
            var archive = Self.plain()
            archive.storages = keys.map { ($0, 12, archive.storages[0].bytes) }
            try refuse(archive, "list of its storages")
        }
        var archive = Self.plain()
        archive.storages = []
        try refuse(archive, "which the file lacks")
    }

    @Test func refusesFilesCutAnywhere() throws {
        let whole = Self.plain().bytes
        try withScratchDirectory { directory in
            for count in whole.indices {
                guard case .refused = try Reading.of(Array(whole.prefix(count)), in: directory) else {
                    Issue.record("read with \(count) bytes")
                    return
                }
            }
        }
    }
}
