import Foundation
import PixNerdSupport

/// Values in tables: in the one that labels are read from, and in `metadata.jsonl` and `metadata.csv` in any folder.
enum ValueTables {
    /// A table, the folder that its paths are relative to, and the columns that may have them.
    private struct Table {
        let path: String
        let folder: String
        let fileNames: [String]
    }

    /// Reads the values of a collection's images.
    ///
    /// - Parameters:
    ///   - names: names of columns, or keys of JSON.
    ///   - tree: the folders of the collection.
    ///   - labels: where its classes come from, of which a table is read.
    /// - Throws: `PixNerdError` if a table is damaged, or a value is no finite number.
    static func values(
        _ names: [String], of collection: ImageCollection, in tree: PictureTree, _ labels: LabelOptions
    ) throws -> ImageValues {
        let pictures = try PictureIndex(tree)
        var found = [[FoundValue]](
            repeating: names.map { _ in .missing }, count: pictures.samples.count)
        for table in tables(pictures, labels) {
            try tree.withBytes(ofFile: table.path, kind: "a table of values") { bytes in
                let columns = PictureTable.Columns(names: table.fileNames, keys: names)
                try PictureTable.forEachRow(bytes, name: table.path, columns) { row, fileName, line in
                    // Rows about other images are counted with labels and captions.
                    guard case .image(let image) = pictures.place(of: fileName, in: table.folder) else { return true }
                    let place = LabelFile.place(table.path, line)
                    for (number, name) in names.enumerated() {
                        let value = try FoundValue(row, under: name, in: place)
                        found[image][number] = try found[image][number].merged(with: value, of: name, in: place)
                    }
                    return true
                }
            }
        }
        // By bytes: Swift takes the two spellings of an accented letter as equal.
        let places = Dictionary(
            pictures.samples.enumerated().map { (Array($1.name.utf8), $0) }, uniquingKeysWith: { first, _ in first })
        let nothing = names.map { _ in FoundValue.missing }
        return ImageValues(
            names, collection.samples.map { places[Array($0.name.utf8)].map { found[$0] } ?? nothing },
            image: { collection.samples[$0].name },
            expected: "a number in a metadata.jsonl or metadata.csv, or in the table of \(Setting.labels)")
    }

    private static func tables(_ pictures: PictureIndex, _ labels: LabelOptions) -> [Table] {
        var tables: [Table] = []
        let top = pictures.tree.top
        if case .file(let name) = labels.source, fileExtension(name) != "json" {
            tables.append(
                Table(path: name.hasPrefix("/") ? name : joined(top, name), folder: top, fileNames: TableNames.all))
        }
        for (listing, _) in pictures.folders {
            for name in listing.files where LeftOut.isMetadata(name) && fileExtension(name) != "parquet" {
                let path = joined(listing.path, name)
                guard !tables.contains(where: { $0.path == path }) else { continue }
                tables.append(Table(path: path, folder: listing.path, fileNames: TableNames.usual))
            }
        }
        return tables
    }
}
