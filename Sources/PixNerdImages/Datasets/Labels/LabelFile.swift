import Foundation
import PixNerdSupport

/// Files with the labels of images: tables, and lists in JSON.
enum LabelFile {
    /// The list of labels that EDM and StyleGAN keep beside their images.
    static let usualList = "dataset.json"

    /// What a list in JSON holds.
    enum List {
        /// The paths of images with their labels, which are vectors where they are lists of numbers in pairs.
        case labels([(fileName: String, value: TableValue)], arePairs: Bool)
        /// A list that says that there are no labels.
        case none
        /// JSON of another kind.
        case other
    }

    /// Reads a list: `{"labels": [["00000/img.png", 3], ...]}`, or `{"labels": null}`, or `{"a.png": "cat"}`.
    ///
    /// - Parameters:
    ///   - path: the name of the file in errors.
    ///   - isNamed: whether the file was asked for, so that an object without `labels` is one of paths and labels.
    /// - Throws: `PixNerdError` if the text is not JSON, or if the labels are laid out differently.
    static func list(_ bytes: UnsafeRawBufferPointer, _ path: String, isNamed: Bool) throws -> List {
        let decoder = JSONDecoder()
        decoder.userInfo[.isNamed] = isNamed
        do {
            return try decoder.decode(LabelList.self, from: Data(bytes)).list
        } catch {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not JSON that lists labels, or damaged",
                expected: "{\"labels\": [[\"00000/image.png\", 3], ...]}"
                    + (isNamed ? " or {\"image.png\": \"cat\", ...}" : ""),
                advice: isNamed ? nil : "correct or remove it, or set \(Setting.labels) to folders")
        }
    }

    /// Reads the labels of a table.
    ///
    /// - Parameters:
    ///   - path: the path of the file, by whose ending its kind is told.
    ///   - keys: the columns that may have the labels.
    ///   - isNamed: whether the file was asked for, so that more names of columns are known.
    ///   - body: receives the path of an image, its labels or nil if it has no value, and the number of the line.
    /// - Throws: `PixNerdError` if the file is damaged or its labels are of another kind.
    static func forEachRow(
        _ bytes: UnsafeRawBufferPointer, _ path: String, keys: [String], isNamed: Bool,
        _ body: (_ fileName: String, _ labels: [FoundLabel]?, _ line: Int) throws -> Void
    ) throws {
        var key: String?
        let columns = PictureTable.Columns(names: isNamed ? TableNames.all : TableNames.usual, keys: keys)
        try PictureTable.forEachRow(bytes, name: path, columns) { row, fileName, line in
            key = try row.key(after: key, in: path, of: "labels", .labelKey)
            let labels = try key.flatMap { try FoundLabel.all(row.value(under: $0), in: place(path, line)) }
            try body(fileName, labels, line)
            return true
        }
    }

    /// The name of a place in a file in errors.
    static func place(_ path: String, _ number: Int) -> String {
        fileExtension(path) == "json" ? "\(path), entry \(number)," : "\(path), line \(number),"
    }

    /// Whether the first row of a table has one of the keys.
    static func hasColumn(_ bytes: UnsafeRawBufferPointer, _ path: String, _ keys: [String]) throws -> Bool {
        var found = false
        try PictureTable.forEachRow(bytes, name: path, PictureTable.Columns(keys: keys)) { row, _, _ in
            found = !row.values.isEmpty
            return false
        }
        return found
    }
}

extension CodingUserInfoKey {
    fileprivate static let isNamed = CodingUserInfoKey(rawValue: "isNamed")!
}

/// The JSON of a list of labels.
private struct LabelList: Decodable {
    let list: LabelFile.List

    init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: JSONKey.self)
        let key = JSONKey(stringValue: "labels")
        guard object.contains(key) else {
            let isNamed = decoder.userInfo[.isNamed] as? Bool ?? false
            list = isNamed ? .labels(try Self.labels(object), arePairs: false) : .other
            return
        }
        if try object.decodeNil(forKey: key) {
            list = .none
        } else if var pairs = try? object.nestedUnkeyedContainer(forKey: key) {
            var labels: [(fileName: String, value: TableValue)] = []
            while !pairs.isAtEnd {
                var pair = try pairs.nestedUnkeyedContainer()
                labels.append((try pair.decode(String.self), try pair.decode(TableValue.self)))
            }
            list = .labels(labels, arePairs: true)
        } else {
            list = try .labels(Self.labels(object.nestedContainer(keyedBy: JSONKey.self, forKey: key)), arePairs: false)
        }
    }

    private static func labels(
        _ object: KeyedDecodingContainer<JSONKey>
    ) throws -> [(fileName: String, value: TableValue)] {
        try object.allKeys.sorted { precedes($0.stringValue, $1.stringValue) }
            .map { ($0.stringValue, try object.decode(TableValue.self, forKey: $0)) }
    }
}
