import Foundation
import PixNerdSupport

/// Files in which datasets are passed on and that are not read here: archives, arrays, databases and tables.
enum DataFile {
    /// A format, and what to do with a file of it.
    private enum Kind: String {
        case gzip = "a file compressed with gzip"
        case xz = "a file compressed with xz"
        case zstandard = "a file compressed with zstd"
        case bzip2 = "a file compressed with bzip2"
        case lz4 = "a file compressed with lz4"
        case zip = "a zip archive"
        case sevenZip = "a 7z archive"
        case rar = "a rar archive"
        case tar = "a tar file whose name does not end with .tar"
        case npz = "an .npz archive of NumPy arrays"
        case npy = "a NumPy array (.npy)"
        case hdf5 = "an HDF5 file"
        case lmdb = "an LMDB database"
        case sqlite = "an SQLite database"
        case parquet = "a Parquet table"
        case arrow = "an Arrow table"
        case tfRecord = "a TFRecord file"
        case pickle = "a Python pickle"
        case matlab = "a MATLAB file"
        case picture = "a single picture"

        var advice: String {
            switch self {
            case .gzip, .xz, .zstandard, .bzip2, .lz4:
                "unpack it: shards must be plain tar files, and other archives become folders"
            case .zip: "name the archive itself, with a name that ends in .zip"
            case .sevenZip, .rar: "unpack it to a folder with one folder of images per class, or make a .zip of it"
            case .tar: "rename it so that it does"
            case .npz: "write its images as PNG files, in one folder per class; only evaluation reads .npz files"
            case .npy:
                "write its images as PNG files, in one folder per class; evaluation reads them from an .npz file with "
                    + "an array arr_0, as numpy.savez(FILE, arr_0=images) writes it"
            case .parquet, .arrow:
                "write its images as files: in Python, datasets.load_dataset('parquet', data_files=FILE) yields rows, "
                    + "of which row['image'].save('CLASS/NUMBER.png') makes one folder of images per class"
            case .hdf5, .lmdb, .sqlite, .tfRecord, .pickle, .matlab:
                "write its images as PNG or JPEG files, in one folder per class, or as WebDataset shards"
            case .picture: "put it in a folder for its class and name the folder above"
            }
        }
    }

    private static let kinds: [String: Kind] = [
        "gz": .gzip, "tgz": .gzip, "xz": .xz, "txz": .xz, "zst": .zstandard, "zstd": .zstandard, "tzst": .zstandard,
        "bz2": .bzip2, "tbz2": .bzip2, "tbz": .bzip2, "lz4": .lz4, "zip": .zip, "7z": .sevenZip, "rar": .rar,
        "npz": .npz, "npy": .npy, "h5": .hdf5, "hdf5": .hdf5, "mdb": .lmdb, "lmdb": .lmdb, "sqlite": .sqlite,
        "parquet": .parquet, "arrow": .arrow, "feather": .arrow, "tfrecord": .tfRecord, "tfrecords": .tfRecord,
        "pkl": .pickle, "pickle": .pickle, "mat": .matlab,
    ]

    /// The error about a root that is neither a folder nor shards.
    static func refusal(_ path: String) -> PixNerdError {
        let folder = "a folder with one folder of images per class, a .zip of one"
        do {
            let file = try RegularFile(path, expected: folder)
            var bytes = [UInt8](repeating: 0, count: min(file.size, FileSignature.length))
            let count = try bytes.withUnsafeMutableBytes { try file.read(at: 0, into: $0) }
            let found = bytes[..<count].withUnsafeBytes { kind($0) } ?? kind(ofName: path)
            guard let found else {
                return PixNerdError(
                    .invalidValue, "\(path)", found: "is a file", expected: "\(folder), or shards named .tar")
            }
            return PixNerdError(
                .unsupported, "\(path)", found: "is \(found.rawValue)", expected: "\(folder), or plain tar shards",
                advice: "\(found.advice)")
        } catch {
            return error as? PixNerdError ?? PixNerdError(.system, "\(path)", found: "cannot be read")
        }
    }

    /// The error about a shard that is a file of another format; nil if the format is unknown.
    static func refusal(ofShard path: String, beginning: UnsafeRawBufferPointer) -> PixNerdError? {
        // What begins as a tar file does is a damaged one.
        guard let kind = kind(beginning), kind != .tar else { return nil }
        return PixNerdError(
            .unsupported, "The shard \(path)", found: "is \(kind.rawValue)", expected: "a plain tar file",
            advice: "\(kind.advice)")
    }

    /// What to do with a file that has the name of such a format; nil for other names.
    static func advice(forName name: String) -> String? {
        kind(ofName: name).map { "it is \($0.rawValue); \($0.advice)" }
    }

    private static func kind(ofName name: String) -> Kind? {
        name.utf8.lastIndex(of: UInt8(ascii: ".")).flatMap { kinds[name[name.utf8.index(after: $0)...].lowercased()] }
    }

    private static func kind(_ bytes: UnsafeRawBufferPointer) -> Kind? {
        let signature = FileSignature(bytes)
        switch ImageFormat(signatureOf: bytes) {
        case .unknown, .npy: break
        default: return .picture
        }
        if signature.begins("ustar", at: 257) { return .tar }
        if signature.begins([0xDE, 0xC0, 0xEF, 0xBE], at: 16) { return .lmdb }
        if signature.begins("PK\u{3}\u{4}") {
            // The name of the first entry begins at byte 30.
            let name = bytes.dropFirst(30).prefix(100)
            return name.indices.contains { name[$0...].starts(with: ".npy".utf8) } ? .npz : .zip
        }
        return signatures.first { signature.begins($0.bytes) }?.kind
    }

    private static let signatures: [(bytes: [UInt8], kind: Kind)] = [
        ([0x1F, 0x8B], .gzip), ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], .xz), ([0x28, 0xB5, 0x2F, 0xFD], .zstandard),
        (text("BZh"), .bzip2), ([0x04, 0x22, 0x4D, 0x18], .lz4), (text("PK\u{5}\u{6}"), .zip),
        ([0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C], .sevenZip), (text("Rar!"), .rar),
        ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], .npy), ([0x89, 0x48, 0x44, 0x46], .hdf5),
        (text("SQLite format 3"), .sqlite), (text("PAR1"), .parquet), (text("ARROW1"), .arrow),
        (text("FEA1"), .arrow), (text("MATLAB "), .matlab), ([0x80, 2], .pickle), ([0x80, 3], .pickle),
        ([0x80, 4], .pickle), ([0x80, 5], .pickle),
    ]

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }
}
