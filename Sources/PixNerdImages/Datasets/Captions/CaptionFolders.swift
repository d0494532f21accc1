import PixNerdSupport
import PixNerdTensors

/// Images in the folders below a root, and where their captions are.
struct CaptionFolders {
    private let root: String
    private let options: CaptionOptions
    /// All folders below the root, sorted by path, and the images in each.
    private var folders: [(listing: FolderListing, images: Range<Int>)] = []
    private var samples: [ImageCollection.Sample] = []
    /// The captions that tables have for each image; empty without tables.
    private var rows: [[String]] = []
    private var leftOut = LeftOut()
    private(set) var unmatchedRows = LeftOut.Files()
    private(set) var unreadTables = LeftOut.Files()

    /// Lists the folders and reads the tables in them.
    init(_ root: String, _ options: CaptionOptions) throws {
        self.root = root
        self.options = options
        guard isFolder(root) == true else {
            // Says what is there instead.
            _ = try ImageFolder(root: root)
            throw PixNerdError(.invalidValue, "\(root)", found: "is not a folder")
        }
        for listing in try ImageFolder.foldersBelow(root) {
            let first = samples.count
            samples += leftOut.readable(in: listing).map { ImageCollection.Sample(path: $0, label: 0) }
            folders.append((listing, first..<samples.count))
        }
        guard !samples.isEmpty else {
            throw PixNerdError(.malformed, "\(root)", found: "holds no image\(leftOut.only)")
        }
        leftOut.metadata = LeftOut.Files()
        try readTables()
    }

    var collection: ImageCollection {
        ImageCollection(root: root, classes: [root], samples: samples, leftOut: leftOut)
    }

    // MARK: Tables

    private mutating func readTables() throws {
        for (listing, _) in folders {
            for name in listing.files where LeftOut.isMetadata(name) {
                let path = joined(listing.path, name)
                guard !name.lowercased().hasSuffix(".parquet") else {
                    unreadTables.add(path)
                    continue
                }
                if rows.isEmpty { rows = Array(repeating: [], count: samples.count) }
                try CaptionTable.forEachRow(path, options) { fileName, texts, line in
                    if let image = place(of: fileName, in: listing.path) {
                        rows[image] += texts
                    } else {
                        unmatchedRows.add("\(fileName) (\(path), line \(line))")
                    }
                }
            }
        }
    }

    /// The image that a path relative to a folder leads to; nil if it leads to none below the root.
    private func place(of fileName: String, in folder: String) -> Int? {
        // Relative to the root, so that a path cannot lead out of it.
        var parts: [Substring.UTF8View] = []
        let below = folder.utf8.dropFirst(min(root.utf8.count, folder.utf8.count))
        for part in Array(below.split(separator: UInt8(ascii: "/"))) + fileName.utf8.split(separator: UInt8(ascii: "/"))
        {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                guard parts.popLast() != nil else { return nil }
            } else {
                parts.append(part)
            }
        }
        guard !fileName.utf8.starts(with: "/".utf8), let name = parts.popLast() else { return nil }
        let home = parts.reduce(root) { joined($0, String(Substring($1))) }
        guard let number = index(of: home, count: folders.count, { folders[$0].listing.path }) else { return nil }
        let images = folders[number].images
        let path = joined(home, String(Substring(name)))
        return index(of: path, count: images.count) { samples[images.lowerBound + $0].path }
            .map { images.lowerBound + $0 }
    }

    // MARK: Text files

    /// Calls a closure with the caption of each image, in order. Files are read on all threads.
    func forEachCaption(_ body: (FoundCaption) -> Void) {
        let (stretch, most) = (64, 64 * 64)
        for (listing, images) in folders {
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
        let path = samples[image].path
        let stem = path[..<path.lastIndex(of: ".")!]
        let files = CaptionFile.extensions.map { "\(stem).\($0)" }.filter { path in
            index(of: path, count: listing.files.count) { joined(listing.path, listing.files[$0]) } != nil
        }
        guard let file = files.first else { return data ?? FoundCaption() }
        guard files.count == 1 else {
            return FoundCaption(source: .textFile, problem: .ambiguous(files.joined(separator: " and ")))
        }
        return CaptionFile.read(file, options)
    }
}

/// The place of a text in a sorted list, by bytes; nil if it is not there.
private func index(of text: String, count: Int, _ element: (Int) -> String) -> Int? {
    var (low, high) = (0, count)
    while low < high {
        let middle = (low + high) / 2
        if precedes(element(middle), text) { low = middle + 1 } else { high = middle }
    }
    return low < count && element(low).utf8.elementsEqual(text.utf8) ? low : nil
}
