import PixNerdSupport

/// Images below a root whose classes stand in a file.
struct LabelledPictures {
    private var pictures: PictureIndex
    private let options: LabelOptions

    /// A file that has labels.
    private struct File {
        let path: String
        /// What a file of JSON holds; nil for a table.
        let list: LabelFile.List?
    }

    private let files: [File]
    /// The first label of each image, and where it stands.
    private var labels: [FoundLabel?]
    /// The other labels of images that have several; empty for an image that has none at all.
    private var further: [Int: [FoundLabel]] = [:]
    private var places: [(file: Int, number: Int)]
    /// Whether a list says that there are no labels.
    private var areNone = false
    private var unmatched = LeftOut.Files()
    private var outside = LeftOut.Files()
    private var repeated = LeftOut.Files()

    /// Reads the labels of a root.
    ///
    /// - Returns: nil if no file has labels and none was asked for.
    /// - Throws: `PixNerdError` if there are no images, if a file is damaged, or if an image has two labels.
    init?(_ tree: PictureTree, _ options: LabelOptions) throws {
        guard let files = try Self.files(tree, options) else { return nil }
        self.options = options
        self.files = files
        pictures = try PictureIndex(tree)
        labels = Array(repeating: nil, count: pictures.samples.count)
        places = Array(repeating: (0, 0), count: pictures.samples.count)
        for number in files.indices { try read(number) }
        // What is read is not left out.
        let metadata = try tree.listing().files.map { joined(tree.top, $0) }
            .filter { path in LeftOut.isMetadata(path) && !files.contains { $0.path == path } }
        pictures.leftOut.metadata = LeftOut.Files()
        for file in metadata { pictures.leftOut.metadata.add(file) }
    }

    private var isNamed: Bool {
        if case .file = options.source { true } else { false }
    }

    /// The files with labels; nil if there are none and none was asked for.
    private static func files(_ tree: PictureTree, _ options: LabelOptions) throws -> [File]? {
        if case .file(let name) = options.source {
            let path = name.hasPrefix("/") ? name : joined(tree.top, name)
            guard ["csv", "json", "jsonl"].contains(fileExtension(path)) else {
                let advice = DataFile.advice(forName: path).map { "\($0)" as ErrorText }
                throw PixNerdError(
                    .unsupported, "\(Setting.labels)", found: "is \(path)",
                    expected: "a .csv, .jsonl or .json file with the labels of images", advice: advice)
            }
            let found = try file(path, tree, isNamed: true)
            guard let key = options.key, found.list != nil else { return [found] }
            throw PixNerdError(
                .mismatch, "\(Setting.labelKey)", found: "is '\(key)', but \(path) is a list, which has no keys",
                advice: "leave it out, or name a .csv or .jsonl file")
        }
        let listing = try tree.listing()
        // Says what is there instead of images.
        guard !listing.folders.isEmpty || listing.files.contains(where: { PictureExtension(of: $0) == .readable })
        else {
            return nil
        }
        let list = joined(tree.top, LabelFile.usualList)
        if options.key == nil, listing.files.contains(LabelFile.usualList) {
            let found = try file(list, tree, isNamed: false)
            if case .other = found.list {} else { return [found] }
        }
        let tables = try listing.files.filter { LeftOut.isMetadata($0) && fileExtension($0) != "parquet" }
            .map { joined(tree.top, $0) }.filter { try hasLabels($0, tree, options, else: listing) }
        guard tables.isEmpty else { return tables.map { File(path: $0, list: nil) } }
        guard let key = options.key else { return nil }
        throw PixNerdError(
            .notFound, "\(Setting.labelKey)",
            found: "is '\(key)', but no metadata.jsonl or metadata.csv in \(tree.top) has it",
            advice: "name the file with \(Setting.labels)")
    }

    private static func file(_ path: String, _ tree: PictureTree, isNamed: Bool) throws -> File {
        guard fileExtension(path) == "json" else { return File(path: path, list: nil) }
        return try tree.withBytes(ofFile: path, kind: "a list of labels") {
            File(path: path, list: try LabelFile.list($0, path, isNamed: isNamed))
        }
    }

    /// Whether a table that nobody asked for has labels.
    ///
    /// A damaged one is refused only if there are no class folders, which would do as well.
    private static func hasLabels(
        _ path: String, _ tree: PictureTree, _ options: LabelOptions, else listing: FolderListing
    ) throws -> Bool {
        do {
            return try tree.withBytes(ofFile: path, kind: "a table of labels") {
                try LabelFile.hasColumn($0, path, options.keysUnasked)
            }
        } catch let error as PixNerdError {
            guard listing.folders.isEmpty else { return false }
            throw PixNerdError(
                error.kind, error.subject, found: error.found, expected: error.expected,
                advice: "correct it, or set \(Setting.labels) to none for one class without labels")
        }
    }

    private mutating func read(_ file: Int) throws {
        let path = files[file].path
        switch files[file].list {
        case .labels(let labels, let arePairs):
            for (number, entry) in labels.enumerated() {
                if arePairs, case .numbers = entry.value {
                    throw PixNerdError(
                        .unsupported, "\(LabelFile.place(path, number + 1))", found: "has a vector as its label",
                        expected: "the number of a class")
                }
                let labels = try FoundLabel.all(entry.value, in: LabelFile.place(path, number + 1))
                try take(entry.fileName, labels, file, number + 1)
            }
        case .some: areNone = true
        case nil:
            let keys = isNamed ? options.keys : options.keysUnasked
            try pictures.tree.withBytes(ofFile: path, kind: "a table of labels") { bytes in
                try LabelFile.forEachRow(bytes, path, keys: keys, isNamed: isNamed) { fileName, labels, line in
                    try take(fileName, labels, file, line)
                }
            }
        }
    }

    private mutating func take(_ fileName: String, _ found: [FoundLabel]?, _ file: Int, _ number: Int) throws {
        var row: String { "\(fileName) (\(LabelFile.place(files[file].path, number).dropLast()))" }
        switch pictures.place(of: fileName, in: pictures.tree.top) {
        case .nothing: unmatched.add(row)
        case .outside: outside.add(row)
        case .image(let image):
            guard let found else { return }
            if labels[image] != nil || further[image] != nil {
                let all = [labels[image]].compactMap { $0 } + (further[image] ?? [])
                guard FoundLabel.areSame(all, found) else {
                    func text(_ labels: [FoundLabel]) -> String {
                        labels.isEmpty ? "[]" : listed(labels.prefix(3).map(\.text), of: labels.count)
                    }
                    throw PixNerdError(
                        .malformed, "\(LabelFile.place(files[file].path, number))",
                        found: "has the label \(text(found)) for \(fileName), and \(place(of: image)) \(text(all))",
                        expected: "one row for each image")
                }
                repeated.add(row)
            }
            labels[image] = found.first
            further[image] = found.count == 1 ? nil : Array(found.dropFirst())
            places[image] = (file, number)
        }
    }

    private func place(of image: Int) -> String {
        LabelFile.place(files[places[image].file].path, places[image].number)
    }

    private var source: String { files.map(\.path).joined(separator: " and ") }

    /// The images that have a label, or an empty list of them.
    ///
    /// - Throws: `PixNerdError` if none has, or if labels are out of bounds or of two kinds.
    func collection() throws -> ImageCollection {
        let tree = pictures.tree
        guard !areNone else {
            return pictures.collection(ofClass: tree.name).with(
                labelling: "no labels, as \(source) says", remarks: [])
        }
        guard labels.contains(where: { $0 != nil }) else { throw noLabel }
        let named = try ClassLabels(labels, further: further, source: source, place: place(of:)) { count in
            let listing = try tree.listing().files
            let file = ClassNames.files.first { listing.contains($0) }.map { joined(tree.top, $0) }
            return try ClassNames.names(
                count: count, in: file ?? "", "\(source) has",
                bytes: file.map { try tree.bytes(ofFile: $0, most: 1 << 26) })
        }
        var images: [Int] = []
        var without = LeftOut.Files()
        for image in labels.indices {
            if labels[image] == nil, further[image] == nil {
                without.add(pictures.samples[image].name)
            } else {
                images.append(image)
            }
        }
        return ImageCollection(
            root: tree.root, classes: named.classes,
            samples: images.map { pictures.samples[$0].with(label: named.labels[$0] ?? 0) }, leftOut: pictures.leftOut,
            labelSets: named.sets(of: images), labelling: "labels of \(source)", remarks: remarks(without))
    }

    private var noLabel: PixNerdError {
        let example = pictures.samples[0].name.utf8.dropFirst(joined(pictures.tree.top, "").utf8.count)
        let rows = unmatched.count + outside.count
        let columns = options.keys.map { "'\($0)'" }.joined(separator: " or ")
        var found: ErrorText = "has a label in \(source)"
        if rows > 0 {
            found = found + ", whose rows name other files: \(unmatched.count > 0 ? unmatched.list : outside.list)"
        }
        return PixNerdError(
            .mismatch, "None of the \(counted(pictures.samples.count, "picture")) in \(pictures.tree.root)",
            found: found,
            expected: "paths relative to \(pictures.tree.top), such as \(Substring(example)), and a column \(columns)")
    }

    /// Sentences about labels that look like mistakes.
    private func remarks(_ without: LeftOut.Files) -> [String] {
        return [
            without.remark("image has no label and is left out", "images have no label and are left out"),
            unmatched.remark("label is that of no image", "labels are those of no images"),
            outside.remark("label is that of a file outside the root", "labels are those of files outside the root"),
            repeated.remark("label is given twice", "labels are given twice"),
        ].compactMap { $0 }
    }
}
