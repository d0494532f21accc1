import Foundation
import PixNerdSupport
import PixNerdTensors

/// The weights in a directory of transformers: `model.safetensors`, or several files that
/// `model.safetensors.index.json` assigns tensors to. All are mapped into memory.
public struct ShardedTensors: StoredTensors {
    /// The directory.
    public let path: String
    public let names: [String]
    /// The files that hold the tensors, in the order of their names.
    public let files: [TensorFile]
    /// The place in `files` of the file that holds a tensor.
    private let places: [String: Int]
    /// The file that says which tensors there are.
    public let origin: String

    /// The name of weights in one file.
    public static let wholeName = "model.safetensors"
    /// The name of the file that assigns tensors to several files.
    public static let indexName = "model.safetensors.index.json"
    /// More files than any model has, and as many as a program can comfortably map.
    private static let mostFiles = 1 << 10
    private static let mostIndexBytes = 1 << 26

    /// Opens the weights in a directory.
    ///
    /// - Throws: `PixNerdError` if there are none, if a file is damaged, or if the index does not fit its files.
    public init(directory: String) throws {
        path = directory
        let (whole, index) = ("\(directory)/\(Self.wholeName)", "\(directory)/\(Self.indexName)")
        if isFolder(whole) != nil {
            let file = try TensorFile.open(path: whole)
            (origin, names, files) = (whole, file.names, [file])
            places = Dictionary(uniqueKeysWithValues: file.names.map { ($0, 0) })
            return
        }
        guard isFolder(index) != nil else {
            throw PixNerdError(
                .notFound, "\(directory)", found: "has neither \(Self.wholeName) nor \(Self.indexName)",
                advice: "download the weights as .safetensors into it")
        }
        origin = index
        let assigned = try Self.assignments(index)
        let fileNames = Set(assigned.values).sorted()
        guard fileNames.count <= Self.mostFiles else {
            throw PixNerdError(
                .malformed, "\(index)", found: "names \(fileNames.count) files", expected: "at most \(Self.mostFiles)")
        }
        files = try fileNames.map { name in
            guard isFolder("\(directory)/\(name)") != nil else {
                throw PixNerdError(
                    .notFound, "\(directory)", found: "lacks the file \(name), which \(Self.indexName) names",
                    advice: "download it too")
            }
            return try TensorFile.open(path: "\(directory)/\(name)")
        }
        let numbers = Dictionary(uniqueKeysWithValues: fileNames.enumerated().map { ($1, $0) })
        places = assigned.compactMapValues { numbers[$0] }
        names = assigned.keys.sorted()
        for name in names where files[places[name]!].shape(of: name) == nil {
            throw PixNerdError(
                .mismatch, "\(index)",
                found: "says that \(assigned[name]!) holds the tensor \(name), and that file lacks it",
                advice: "download both anew")
        }
    }

    /// Names of tensors, and of the files in the same directory that hold them.
    private static func assignments(_ path: String) throws -> [String: String] {
        struct Index: Decodable {
            var weightMap: [String: String]
        }
        let file = try MappedFile(path: path, kind: "an index of tensors in JSON")
        guard file.bytes.count <= mostIndexBytes else {
            throw PixNerdError(
                .malformed, "\(path)", found: "has \(file.bytes.count) bytes", expected: "at most \(mostIndexBytes)")
        }
        try file.checkLength()
        guard let index = try? JSON.decoder(snakeCase: true).decode(Index.self, from: Data(file.bytes)),
            !index.weightMap.isEmpty
        else {
            throw PixNerdError(
                .malformed, "\(path)", found: "lacks a weight_map",
                expected: "JSON with the file name of each tensor under weight_map")
        }
        for (name, file) in index.weightMap
        where file.isEmpty || file.hasPrefix(".") || file.contains("/") || file.contains("\0") {
            throw PixNerdError(
                .malformed, "\(path)", found: "says that the tensor \(name) is in '\(file)'",
                expected: "the name of a file in the same directory")
        }
        return index.weightMap
    }

    /// The size of all files in bytes.
    public var size: Int { files.reduce(0) { $0 + $1.size } }

    private func file(of name: String) -> TensorFile? { places[name].map { files[$0] } }

    public func shape(of name: String) -> [Int]? { file(of: name)?.shape(of: name) }

    public func elementType(of name: String) -> ElementType? { file(of: name)?.elementType(of: name) }

    public func elements(of name: String) throws -> StoredElements {
        guard let file = file(of: name) else {
            throw PixNerdError(.notFound, "\(origin)", found: "lacks the tensor \(name)")
        }
        return try file.elements(of: name)
    }

    public func releasePages() {
        for file in files { file.releasePages() }
    }
}
