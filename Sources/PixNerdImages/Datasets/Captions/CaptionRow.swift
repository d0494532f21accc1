import Foundation
import PixNerdSupport

/// What a JSON object or a row of a table says about one image.
struct CaptionRow: Sendable {
    /// The path of the image, relative to the table; nil if the row has none.
    var fileName: String?
    /// The captions under each key that is there; none under a key whose value is null.
    var captions: [(key: String, texts: [String])] = []

    /// Decodes a JSON object.
    ///
    /// - Parameters:
    ///   - bytes: the text of the object.
    ///   - keys: the keys of captions.
    /// - Throws: a `Problem`.
    init(json bytes: some ContiguousBytes, keys: [String]) throws(Problem) {
        let data = bytes.withUnsafeBytes { Data($0) }
        guard data.withUnsafeBytes({ String(validating: $0, as: UTF8.self) }) != nil else { throw .notUTF8 }
        let decoder = JSONDecoder()
        decoder.userInfo[.captionKeys] = keys
        do {
            self = try decoder.decode(JSONRow.self, from: data).row
        } catch let problem as Problem {
            throw problem
        } catch {
            throw .notAnObject
        }
    }

    /// - Parameters:
    ///   - fileName: the path of the image.
    ///   - captions: the caption under each key.
    init(fileName: String, captions: [(key: String, texts: [String])]) {
        self.fileName = fileName
        self.captions = captions
    }

    enum Problem: Error, Equatable {
        case notUTF8
        case notAnObject
        /// A value that is neither a text nor a list of texts.
        case notText(key: String)

        /// A clause that follows the name of the file.
        var found: ErrorText {
            switch self {
            case .notUTF8: "is not UTF-8 text"
            case .notAnObject: "is not a JSON object"
            case .notText(let key): "has something other than a text, or a list of texts, under '\(key)'"
            }
        }
    }

    /// The key that captions stand under.
    ///
    /// - Parameters:
    ///   - previous: the key of rows before; nil if there was none.
    ///   - name: the name of the file in the error.
    /// - Throws: `PixNerdError` if there is more than one, so that it is not clear which is meant.
    func key(after previous: String?, in name: String) throws -> String? {
        var found = captions.map(\.key)
        if let previous, !found.contains(previous) { found.append(previous) }
        guard found.count > 1 else { return found.first }
        throw PixNerdError(
            .malformed, "\(name)", found: "has captions under \(found.map { "'\($0)'" }.joined(separator: " and "))",
            advice: "choose one of them with \(Setting.captionKey)")
    }

    func texts(under key: String) -> [String] { captions.first { $0.key == key }?.texts ?? [] }
}

extension CodingUserInfoKey {
    fileprivate static let captionKeys = CodingUserInfoKey(rawValue: "captionKeys")!
}

/// A JSON object of which only the keys that matter are decoded.
private struct JSONRow: Decodable {
    let row: CaptionRow

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        var row = CaptionRow(fileName: "", captions: [])
        row.fileName = try? object.decode(String.self, forKey: Key(stringValue: "file_name"))
        for name in decoder.userInfo[.captionKeys] as? [String] ?? [] {
            let key = Key(stringValue: name)
            guard object.contains(key) else { continue }
            if try object.decodeNil(forKey: key) {
                row.captions.append((name, []))
            } else if let text = try? object.decode(String.self, forKey: key) {
                row.captions.append((name, [text]))
            } else if let texts = try? object.decode([String].self, forKey: key) {
                row.captions.append((name, texts))
            } else {
                throw CaptionRow.Problem.notText(key: name)
            }
        }
        self.row = row
    }
}
