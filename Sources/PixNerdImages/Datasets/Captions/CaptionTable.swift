import PixNerdSupport

/// Captions in tables, `metadata.jsonl` and `metadata.csv`, and in JSON beside images.
enum CaptionTable {
    /// Reads a table.
    ///
    /// - Parameters:
    ///   - bytes: the contents of the file.
    ///   - path: the path of the file.
    ///   - options: the key of captions.
    ///   - body: receives the path of an image, its captions, and the number of the line.
    /// - Throws: `PixNerdError` with the line, if the file is damaged, if it has no paths of images, or if it has several
    ///   columns that may be captions.
    static func forEachRow(
        _ bytes: UnsafeRawBufferPointer, _ path: String, _ options: CaptionOptions,
        _ body: (_ fileName: String, _ texts: [String], _ line: Int) -> Void
    ) throws {
        var key: String?
        try PictureTable.forEachRow(bytes, name: path, PictureTable.Columns(keys: options.keys)) {
            row, fileName, line in
            do {
                let name = "\(path), line \(line),"
                let texts = try Self.texts(of: row)
                // The first line of comma-separated values says it for all.
                key = try row.key(
                    after: key, in: fileExtension(path) == "csv" ? path : name, of: "captions", .captionKey)
                body(fileName, key.flatMap { key in texts.first { $0.key == key }?.texts } ?? [], line)
                return true
            } catch let problem as NotText {
                throw PixNerdError(.malformed, "\(path), line \(line),", found: problem.found)
            }
        }
    }

    /// A value that is neither a text nor a list of texts.
    struct NotText: Error {
        let key: String

        /// A clause that follows the name of the file.
        var found: ErrorText { "has something other than a text, or a list of texts, under '\(key)'" }
    }

    /// The captions under each key.
    ///
    /// - Throws: `NotText`.
    static func texts(of row: TableRow) throws -> [(key: String, texts: [String])] {
        try row.values.map { key, value in
            switch value {
            case .nothing: (key, [])
            case .text(let text), .cell(let text): (key, [text])
            case .texts(let texts): (key, texts)
            case .number, .fraction, .numbers, .other: throw NotText(key: key)
            }
        }
    }
}
