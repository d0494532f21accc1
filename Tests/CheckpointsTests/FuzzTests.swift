import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// Damaged files: whatever is done to them, they are read or refused in one sentence, quickly and in little memory.
///
/// `PIXNERD_FUZZ=100000 swift test -c release --filter Fuzz` tries as many of each kind.
@Suite(.serialized) struct FuzzTests {
    /// What the process may take more at its peak, in bytes: the largest repeated tensor, twice, and some.
    private static let memory = 600 << 20

    /// Changes files `count` times and reads them.
    private func fuzz<File: StoredTensors>(
        _ name: String, _ files: [[UInt8]], open: (String) throws -> File = { try TensorFile.open(path: $0) },
        _ change: ([UInt8], inout Mutator) -> [UInt8]
    ) throws {
        var mutator = Mutator(seed: 20_240_917)
        var (read, refused) = (0, 0)
        let before = try peakMemory()
        try withScratchDirectory { directory in
            for index in 0..<fuzzCount {
                switch try Reading.of(change(files[index % files.count], &mutator), as: name, in: directory, open: open)
                {
                case .file: read += 1
                case .refused: refused += 1
                }
            }
        }
        #expect(refused > 0)
        #expect(read + refused == fuzzCount)
        let grown = try peakMemory() - before
        #expect(grown < Self.memory)
        if fuzzCount > 2000 {
            print(
                "\(name): \(read) read, \(refused) refused, \(grown >> 20) MiB more at the peak"
            )
        }
    }

    @Test func damagedSafetensors() throws {
        let files = try ["torch/types.pt.expected.safetensors", "torch/strided.pt.expected.safetensors"].map {
            try fixtureBytes($0)
        }
        try fuzz("fuzz.safetensors", files) { file, mutator in
            // The header is where the decisions are.
            let header = 8 + file[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
            var head = mutator.changed(Array(file[..<header]))
            if mutator.next(4) > 0, head.count >= 8 {
                head.replaceSubrange(0..<8, with: TorchArchive.little(head.count - 8, 8))
            }
            return head + file[header...]
        }
    }

    @Test func damagedPickles() throws {
        let files = try [
            "plain.pt", "plain-protocol4.pth", "strided.pt", "types.pt", "unread-types.pt", "parameters.pt",
            "malicious-beside-weights.pt",
        ].map { try fixtureBytes("torch/\($0)") }
        let archives = files.map { TorchArchive(reading: $0) }
        try fuzz("fuzz-pickle.pt", archives.indices.map { [UInt8($0)] }) { index, mutator in
            var archive = archives[Int(index[0])]
            archive.pickle = mutator.changed(archive.pickle)
            return archive.bytes
        }
    }

    @Test func damagedZipFiles() throws {
        let files = try ["plain.pt", "deflated.pt", "zip64.pt", "buffer.pt", "types.pt"].map {
            try fixtureBytes("torch/\($0)")
        }
        try fuzz("fuzz-zip.pt", files) { file, mutator in mutator.changed(file) }
    }

    @Test func damagedEarlyTorchFiles() throws {
        let tensors = [
            ("a", PickleText.tensor(key: "1", count: 6, shape: [2, 3], strides: [3, 1])),
            ("b", PickleText.tensor(key: "1", count: 6, offset: 1, shape: [2, 2], strides: [1, 2])),
        ]
        let made = EarlyTorchArchive(tensors, [(key: "1", values: [1, 2, 3, 4, 5, 6])]).bytes
        let files = [made, try fixtureBytes("torch/before-1.6.pt")]
        try fuzz("fuzz-early.pt", files) { file, mutator in mutator.changed(file) }
    }

    @Test func damagedNpzFiles() throws {
        let files = try ["stored", "deflated", "version-2", "unread-types"].map { try fixtureBytes("npz/\($0).npz") }
        try fuzz("fuzz.npz", files, open: NpzFile.init(path:)) { file, mutator in mutator.changed(file) }
    }

    @Test func damagedHeadersOfArrays() throws {
        let arrays = try ["pictures", "vector"].map { try fixtureBytes("npz/\($0).npy") }
        try fuzz("fuzz-header.npz", arrays, open: NpzFile.init(path:)) { array, mutator in
            // The header is where the decisions are.
            let header = 10 + Int(array[8])
            var archive = TorchArchive(pickle: [])
            archive.entries = [("arr_0.npy", mutator.changed(Array(array[..<header])) + array[header...])]
            return archive.bytes
        }
    }
}
