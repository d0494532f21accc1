import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Uncompressed zip files in the layout of torch.save, made and taken apart without the code under test.
struct TorchArchive {
    var entries: [(name: String, data: [UInt8])]

    /// A file around a pickle.
    init(pickle: [UInt8], storages: [String: [UInt8]] = [:]) {
        entries = [("archive/data.pkl", pickle), ("archive/byteorder", Array("little".utf8))]
        entries += storages.sorted { $0.key < $1.key }.map { ("archive/data/\($0.key)", $0.value) }
    }

    /// The entries of a file that holds them uncompressed and is small.
    init(reading bytes: [UInt8]) {
        func number(_ place: Int, _ count: Int) -> Int {
            bytes[place..<place + count].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        let end = bytes.indices.last { $0 + 22 <= bytes.count && number($0, 4) == 0x0605_4b50 }!
        entries = []
        var place = number(end + 16, 4)
        for _ in 0..<number(end + 10, 2) {
            let (size, header) = (number(place + 24, 4), number(place + 42, 4))
            let name = String(decoding: bytes[(place + 46)..<(place + 46 + number(place + 28, 2))], as: UTF8.self)
            let start = header + 30 + number(header + 26, 2) + number(header + 28, 2)
            entries.append((name, Array(bytes[start..<start + size])))
            place += 46 + number(place + 28, 2) + number(place + 30, 2) + number(place + 32, 2)
        }
    }

    /// The pickle; setting it leaves the other entries as they are.
    var pickle: [UInt8] {
        get { entries.first { $0.name.hasSuffix("data.pkl") }!.data }
        set { entries[entries.firstIndex { $0.name.hasSuffix("data.pkl") }!].data = newValue }
    }

    /// The file.
    var bytes: [UInt8] {
        var (file, directory): ([UInt8], [UInt8]) = ([], [])
        for (name, data) in entries {
            // version, flags, method, time and date, checksum (which is not looked at), sizes, lengths
            let common =
                Self.little(20, 2) + Self.little(0, 4) + Self.little(0, 4) + Self.little(0, 4)
                + Self.little(data.count, 4) + Self.little(data.count, 4) + Self.little(name.utf8.count, 2)
                + Self.little(0, 2)
            directory += Self.little(0x0201_4b50, 4) + Self.little(20, 2) + common + Self.little(0, 10)
            directory += Self.little(file.count, 4) + Array(name.utf8)
            file += Self.little(0x0403_4b50, 4) + common + Array(name.utf8) + data
        }
        let end =
            Self.little(0x0605_4b50, 4) + Self.little(0, 4) + Self.little(entries.count, 2)
            + Self.little(entries.count, 2) + Self.little(directory.count, 4) + Self.little(file.count, 4)
            + Self.little(0, 2)
        return file + directory + end
    }

    static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { $0 < 8 ? UInt8(truncatingIfNeeded: value >> (8 * $0)) : 0 }
    }
}

/// Pieces of pickles.
enum PickleText {
    static func string(_ text: String) -> [UInt8] {
        [0x58] + TorchArchive.little(text.utf8.count, 4) + Array(text.utf8)
    }

    static func number(_ value: Int) -> [UInt8] { [0x8a, 8] + TorchArchive.little(value, 8) }

    static func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }

    static func tuple(_ parts: [[UInt8]]) -> [UInt8] { [0x28] + parts.joined() + [0x74] }

    static func numbers(_ values: [Int]) -> [UInt8] { tuple(values.map(number)) }

    /// A tensor as torch.save writes it.
    static func tensor(
        key: String = "0", storage: String = "FloatStorage", count: Int, offset: Int = 0, shape: [Int], strides: [Int]
    ) -> [UInt8] {
        let identifier = tuple([
            string("storage"), global("torch", storage), string(key), string("cpu"), number(count),
        ])
        return global("torch._utils", "_rebuild_tensor_v2")
            + tuple([identifier + [0x51], number(offset), numbers(shape), numbers(strides), [0x89], [0x7d]]) + [0x52]
    }

    /// A whole pickle of a dictionary.
    static func dictionary(_ entries: [(String, [UInt8])]) -> [UInt8] {
        [0x80, 2, 0x7d] + entries.flatMap { string($0.0) + $0.1 + [0x73] } + [0x2e]
    }
}

/// What reading bytes as a checkpoint comes to.
enum Reading<File: StoredTensors> {
    case file(File)
    case refused(String)

    /// Opens the bytes as a file and reads every tensor; anything but success or a `PixNerdError` is thrown.
    static func of(
        _ bytes: [UInt8], as name: String, in directory: String, open: (_ path: String) throws -> File
    ) throws -> Reading {
        let path = "\(directory)/\(name)"
        // A new file each time: file systems may wait for the disk when an old one is cut to nothing.
        unlink(path)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        do {
            let file = try open(path)
            for name in file.names {
                do {
                    let elements = try file.elements(of: name)
                    let sum = elements.withUnsafeBytes { bytes in
                        stride(from: 0, to: bytes.count, by: 512).reduce(0) { $0 + Int(bytes[$1]) }
                    }
                    guard sum >= 0, elements.shape == file.shape(of: name) else {
                        Issue.record("\(name)")
                        continue
                    }
                } catch let error as PixNerdError {
                    // A tensor may be found damaged only when it is read.
                    expectSentence(error.description)
                }
            }
            return .file(file)
        } catch let error as PixNerdError {
            expectSentence(error.description)
            return .refused(error.description)
        }
    }
}

extension Reading where File == TensorFile {
    static func of(_ bytes: [UInt8], as name: String = "file.pt", in directory: String) throws -> Reading {
        try of(bytes, as: name, in: directory) { try TensorFile.open(path: $0) }
    }
}

/// Fails unless a message is a sentence on one line.
func expectSentence(_ message: String, sourceLocation: SourceLocation = #_sourceLocation) {
    let isOne = message.count > 20 && message.count < 3000 && !message.contains("\n") && message.hasSuffix(".")
    if !isOne { Issue.record("not a sentence: \(message)", sourceLocation: sourceLocation) }
}

/// The bytes of a fixture.
func fixtureBytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(name))))
}

/// Runs `body` with a new directory, in memory where the system has a place for that: thousands of small files need not
/// wait for a disk.
func withScratchDirectory(_ body: (String) throws -> Void) throws {
    let memory = "/dev/shm"
    guard access(memory, W_OK) == 0 else { return try withTemporaryDirectory(body) }
    let path = "\(memory)/pixnerd-tests-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
}
