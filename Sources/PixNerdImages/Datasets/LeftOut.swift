import PixNerdSupport

/// Files that a collection leaves out although they look like images, and what in its layout looks like a mistake.
public struct LeftOut: Sendable, Equatable, Codable {
    /// A number of files, and the paths of the first few.
    public struct Files: Sendable, Equatable, Codable {
        public private(set) var count = 0
        public private(set) var examples: [String] = []
        private static let mostExamples = 3

        init() {}

        mutating func add(_ path: String) {
            count += 1
            if examples.count < Self.mostExamples { examples.append(path) }
        }

        mutating func add(_ others: Files) {
            count += others.count
            examples = Array((examples + others.examples).prefix(Self.mostExamples))
        }

        /// A sentence about the files; nil if there are none.
        ///
        /// - Parameters:
        ///   - one: what is said of a single file.
        ///   - many: what is said of several.
        func remark(_ one: String, _ many: String) -> String? {
            count == 0 ? nil : "\(count) \(count == 1 ? one : many): \(list)."
        }

        /// A list such as "a.png, b.png and 3 more".
        var list: String { listed(examples, of: count) }
    }

    /// Number of images in unsupported formats, by extension in lower case.
    public internal(set) var unsupported: [String: Int] = [:]
    /// FIFOs, sockets, devices and folders without images that have names of images.
    public internal(set) var irregular = Files()
    /// Images and folders whose names are not UTF-8 text.
    public internal(set) var foreign = Files()
    /// Images beside the class folders.
    public internal(set) var unclassed = Files()
    /// Images in shards whose names have several dots.
    public internal(set) var dotted = Files()
    /// Text files beside the images of a root without folders.
    public internal(set) var texts = Files()
    /// Archives, arrays and tables beside the images of a root without folders.
    public internal(set) var archives = Files()
    /// Files such as metadata.jsonl that have no labels.
    public internal(set) var metadata = Files()
    /// A sentence about class folders that look like the parts of a data set; nil if they do not.
    public internal(set) var layout: String?

    public init(unsupported: [String: Int] = [:]) { self.unsupported = unsupported }

    mutating func add(_ other: LeftOut) {
        unsupported.merge(other.unsupported, uniquingKeysWith: +)
        irregular.add(other.irregular)
        foreign.add(other.foreign)
        unclassed.add(other.unclassed)
        dotted.add(other.dotted)
        texts.add(other.texts)
        archives.add(other.archives)
        metadata.add(other.metadata)
        layout = layout ?? other.layout
    }

    /// The paths of the images in a folder that can be read; whatever else looks like an image is noted.
    mutating func readable(in folder: FolderListing) -> [String] {
        var found: [String] = []
        // Arrays beside images are what other programs computed from them.
        let hasImages = folder.files.contains { PictureExtension(of: $0) == .readable && !Self.isArray($0) }
        for file in folder.files {
            switch PictureExtension(of: file) {
            case .readable: if !hasImages || !Self.isArray(file) { found.append(joined(folder.path, file)) }
            case .unreadable(let kind): unsupported[kind, default: 0] += 1
            case nil: if Self.isMetadata(file) { metadata.add(joined(folder.path, file)) }
            }
        }
        addOddNames(folder)
        if found.isEmpty, folder.folders.isEmpty, PictureExtension(of: folder.path) == .readable {
            irregular.add(folder.path)
        }
        return found
    }

    /// Notes what stands beside the class folders.
    mutating func addRoot(_ root: FolderListing) {
        for file in root.files {
            if PictureExtension(of: file) != nil { unclassed.add(joined(root.path, file)) }
            if Self.isMetadata(file) { metadata.add(joined(root.path, file)) }
        }
        addOddNames(root)
    }

    /// Notes what stands beside the images of a root without folders.
    mutating func addBeside(_ root: FolderListing) {
        for file in root.files where !Self.isMetadata(file) && PictureExtension(of: file) == nil {
            let path = joined(root.path, file)
            if CaptionFile.extensions.contains(fileExtension(file)) {
                texts.add(path)
            } else if fileExtension(file) == "tar" || DataFile.advice(forName: file) != nil {
                archives.add(path)
            }
        }
    }

    private mutating func addOddNames(_ folder: FolderListing) {
        for name in folder.irregular where PictureExtension(of: name) != nil {
            irregular.add(joined(folder.path, name))
        }
        for name in folder.foreign { foreign.add(joined(folder.path, name)) }
    }

    private static func isArray(_ file: String) -> Bool { file.lowercased().hasSuffix(".npy") }

    static func isMetadata(_ file: String) -> Bool {
        ["metadata.jsonl", "metadata.csv", "metadata.parquet"].contains(file.lowercased())
    }

    /// A sentence about unsupported formats; nil if there are none.
    var formatsRemark: String? {
        guard !unsupported.isEmpty else { return nil }
        let count = unsupported.values.reduce(0, +)
        return "\(counted(count, "image")) in formats that cannot be read \(count == 1 ? "is" : "are") left out "
            + "(\(formats(", "))); convert them to PNG or JPEG."
    }

    /// Sentences about everything except unsupported formats.
    var otherRemarks: [String] {
        var remarks: [String] = []
        func note(_ files: Files, _ one: String, _ many: String) {
            if let remark = files.remark(one, many) { remarks.append(remark) }
        }
        if let layout { remarks.append(layout) }
        note(
            irregular, "name of an image is that of no regular file and is left out",
            "names of images are those of no regular files and are left out")
        note(
            foreign, "name is not UTF-8 text and is left out, rename it",
            "names are not UTF-8 text and are left out, rename them")
        note(
            unclassed, "image beside the class folders belongs to no class and is left out",
            "images beside the class folders belong to no class and are left out")
        let dots = "a name with several dots, of which a sample's name ends at the first"
        note(
            dotted, "image in the shards is left out, as it has \(dots)",
            "images in the shards are left out, as each has \(dots)")
        note(
            metadata, "file with metadata is not read, as it has no labels",
            "files with metadata are not read, as they have no labels")
        note(
            texts, "text file beside the images is only read if captions are asked for",
            "text files beside the images are only read if captions are asked for")
        note(
            archives, "archive or table beside the images is not read",
            "archives or tables beside the images are not read")
        return remarks
    }

    /// A clause for an error about a folder without images, such as ", only 3 .gif and 1 .webp (convert those)"; empty
    /// if nothing was left out.
    var only: String {
        var clauses: [String] = []
        if !unsupported.isEmpty { clauses.append("only \(formats(" and ")) (convert those)") }
        if irregular.count > 0 { clauses.append("names of images that are no regular files (\(irregular.list))") }
        if foreign.count > 0 { clauses.append("names that are not UTF-8 text (\(foreign.list); rename them)") }
        if dotted.count > 0 { clauses.append("names with several dots (\(dotted.list); rename them)") }
        return clauses.map { ", " + $0 }.joined()
    }

    private func formats(_ separator: String) -> String {
        unsupported.sorted { $0.key < $1.key }.map { "\($0.value) .\($0.key)" }.joined(separator: separator)
    }
}
