import PixNerdSupport
import PixNerdTensors

/// Images in the folders below a root, and where their captions are.
struct CaptionFolders {
    private let options: CaptionOptions
    private var pictures: PictureIndex
    /// The captions that tables have for each image; empty without tables.
    private var rows: [[String]] = []
    private(set) var unmatchedRows = LeftOut.Files()
    private(set) var unreadTables = LeftOut.Files()

    /// Lists the folders and reads the tables in them.
    init(_ root: String, _ options: CaptionOptions) throws {
        self.options = options
        pictures = try PictureIndex(PictureTree(root))
        pictures.leftOut.metadata = LeftOut.Files()
        try readTables()
    }

    var collection: ImageCollection { pictures.collection(ofClass: pictures.tree.root) }

    // MARK: Tables

    private mutating func readTables() throws {
        for (listing, _) in pictures.folders {
            for name in listing.files where LeftOut.isMetadata(name) {
                let path = joined(listing.path, name)
                guard fileExtension(name) != "parquet" else {
                    unreadTables.add(path)
                    continue
                }
                if rows.isEmpty { rows = Array(repeating: [], count: pictures.samples.count) }
                try pictures.tree.withBytes(ofFile: path, kind: "a table of captions") { bytes in
                    try CaptionTable.forEachRow(bytes, path, options) { fileName, texts, line in
                        if case .image(let image) = pictures.place(of: fileName, in: listing.path) {
                            rows[image] += texts
                        } else {
                            unmatchedRows.add("\(fileName) (\(path), line \(line))")
                        }
                    }
                }
            }
        }
    }

    // MARK: Text files

    /// Calls a closure with the caption of each image, in order. Files are read on all threads.
    func forEachCaption(_ body: (FoundCaption) -> Void) {
        let (stretch, most) = (64, 64 * 64)
        for (listing, images) in pictures.folders {
            var first = images.lowerBound
            while first < images.upperBound {
                let part = first..<min(first + most, images.upperBound)
                let found = parallelMap((part.count + stretch - 1) / stretch) { number in
                    let begin = part.lowerBound + number * stretch
                    return (begin..<min(begin + stretch, part.upperBound)).map { caption(of: $0, in: listing) }
                }
                for caption in found.joined() { body(caption) }
                first = part.upperBound
            }
        }
    }

    private func caption(of image: Int, in listing: FolderListing) -> FoundCaption {
        let data: FoundCaption? =
            rows.isEmpty || rows[image].isEmpty ? nil : FoundCaption(texts: rows[image], source: .data)
        if options.key != nil, let data { return data }
        let path = pictures.samples[image].name
        let stem = path[..<path.lastIndex(of: ".")!]
        let files = CaptionFile.extensions.map { "\(stem).\($0)" }.filter { path in
            index(of: path, count: listing.files.count) { joined(listing.path, listing.files[$0]) } != nil
        }
        guard let file = files.first else { return data ?? FoundCaption() }
        guard files.count == 1 else {
            return FoundCaption(source: .textFile, problem: .ambiguous(files.joined(separator: " and ")))
        }
        return CaptionFile.read(file, of: pictures.tree, options)
    }
}
