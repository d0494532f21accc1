import Foundation
import PixNerdSupport

/// What JSON or a cell of a table holds under a key.
enum TableValue: Sendable, Equatable {
    /// Null in JSON, or an empty cell, which is how tables write that there is no value.
    case nothing
    /// Text in JSON.
    case text(String)
    /// A cell of comma-separated values, whose text may stand for a number.
    case cell(String)
    case number(Int)
    /// A number of JSON that is not whole, or beyond those of `number`.
    case fraction(Double)
    case texts([String])
    case numbers([Int])
    /// A value of JSON of another kind.
    case other
}

/// What a JSON object or a row of a table says about one image.
struct TableRow: Sendable {
    /// The path of the image, relative to the table; nil if the row has none.
    var fileName: String?
    /// The values under the keys that were asked for and are there, in the order of the asking.
    var values: [(key: String, value: TableValue)] = []

    enum Problem: Error, Equatable {
        case notUTF8
        case notAnObject

        /// A clause that follows the name of the file.
        var found: ErrorText {
            switch self {
            case .notUTF8: "is not UTF-8 text"
            case .notAnObject: "is not a JSON object"
            }
        }
    }

    /// - Parameters:
    ///   - fileName: the path of the image.
    ///   - values: the value under each key.
    init(fileName: String, values: [(key: String, value: TableValue)]) {
        self.fileName = fileName
        self.values = values
    }

    /// Decodes a JSON object.
    ///
    /// - Parameters:
    ///   - bytes: the text of the object.
    ///   - names: the keys under which the path of the image is looked for; the first that is there counts.
    ///   - keys: the keys of the values.
    /// - Throws: a `Problem`.
    init(
        json bytes: some ContiguousBytes, names: [String] = TableNames.usual, keys: [String]
    ) throws(Problem) {
        let data = bytes.withUnsafeBytes { Data($0) }
        guard data.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) != nil else { throw .notUTF8 }
        let decoder = JSONDecoder()
        decoder.userInfo[.names] = names
        decoder.userInfo[.keys] = keys
        do {
            self = try decoder.decode(JSONRow.self, from: data).row
        } catch {
            throw .notAnObject
        }
    }

    /// The only one of the keys that is there.
    ///
    /// - Parameters:
    ///   - previous: the key of rows before; nil if there was none.
    ///   - name: the name of the file in the error.
    ///   - subject: what stands under the keys, such as "captions".
    ///   - setting: the setting by which one is chosen.
    /// - Throws: `PixNerdError` if there is more than one, so that it is not clear which is meant.
    func key(after previous: String?, in name: String, of subject: String, _ setting: Setting) throws -> String? {
        var found = values.map(\.key)
        if let previous, !found.contains(previous) { found.append(previous) }
        guard found.count > 1 else { return found.first }
        throw PixNerdError(
            .malformed, "\(name)", found: "has \(subject) under \(found.map { "'\($0)'" }.joined(separator: " and "))",
            advice: "choose one of them with \(setting)")
    }

    func value(under key: String) -> TableValue { values.first { $0.key == key }?.value ?? .nothing }
}

/// Names of the column of a table that holds the paths of images.
enum TableNames {
    /// The name in the metadata files of Hugging Face's datasets.
    static let usual = ["file_name"]
    /// Names in tables that people make themselves.
    static let all = usual + ["filename", "file", "image", "path"]
}

extension CodingUserInfoKey {
    fileprivate static let names = CodingUserInfoKey(rawValue: "names")!
    fileprivate static let keys = CodingUserInfoKey(rawValue: "keys")!
}

/// A key of a JSON object.
struct JSONKey: CodingKey {
    let stringValue: String
    let intValue: Int? = nil

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
}

/// A JSON object of which only the keys that matter are decoded.
private struct JSONRow: Decodable {
    let row: TableRow

    init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: JSONKey.self)
        var row = TableRow(fileName: "", values: [])
        let names = decoder.userInfo[.names] as? [String] ?? []
        row.fileName =
            names.lazy.map(JSONKey.init(stringValue:))
            .compactMap { try? object.decode(String.self, forKey: $0) }.first
        for name in decoder.userInfo[.keys] as? [String] ?? [] {
            let key = JSONKey(stringValue: name)
            guard object.contains(key) else { continue }
            row.values.append((name, try object.decode(TableValue.self, forKey: key)))
        }
        self.row = row
    }
}

extension TableValue: Decodable {
    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .nothing
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let number = try? value.decode(Int.self) {
            self = .number(number)
        } else if let number = try? value.decode(Double.self) {
            self = .fraction(number)
        } else if let texts = try? value.decode([String].self) {
            self = .texts(texts)
        } else if let numbers = try? value.decode([Int].self) {
            self = .numbers(numbers)
        } else {
            self = .other
        }
    }
}
