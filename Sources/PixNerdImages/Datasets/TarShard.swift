import PixNerdSupport

/// The samples of one tar file: images, with their classes or captions.
struct TarShard {
    private(set) var samples: [ImageCollection.Sample] = []
    /// The captions of the samples; empty if they are not asked for.
    private(set) var captions: [FoundCaption] = []
    private(set) var leftOut = LeftOut()
    private let path: String
    /// How captions are read; nil if classes are asked for.
    private let options: CaptionOptions?

    /// Labels from this number on are considered a mistake.
    private static let largestClassCount = 1_000_000
    /// The bytes that a JSON file may have beside an image.
    private static let mostJSONBytes = 1 << 24

    /// - Parameters:
    ///   - path: a tar file.
    ///   - captions: how captions are read; nil if classes are asked for.
    init(_ path: String, captions options: CaptionOptions?) throws {
        self.path = path
        self.options = options
        let archive = try TarFile(path)
        var group = Group(key: "")
        while let entry = try archive.next() {
            let base = entry.name.lastIndex(of: "/").map { entry.name.index(after: $0) } ?? entry.name.startIndex
            // Names that begin with a dot are metadata of the operating system, not images.
            guard let dot = entry.name[base...].firstIndex(of: "."), dot != base else { continue }
            let key = String(entry.name[..<dot])
            // By bytes: Swift takes the two spellings of an accented letter as equal.
            if !key.utf8.elementsEqual(group.key.utf8) {
                try finish(group)
                group = Group(key: key)
            }
            try add(entry, of: archive, ending: entry.name[entry.name.index(after: dot)...], to: &group)
        }
        try finish(group)
    }

    /// The files of one sample found so far.
    private struct Group {
        let key: String
        var picture: (name: String, data: Range<Int>)?
        var label: Int?
        /// The captions of a .txt and of a .json file.
        var text: FoundCaption?
        var data: FoundCaption?
        var otherKind: String?
    }

    private mutating func add(
        _ entry: TarFile.Entry, of archive: TarFile, ending: Substring, to group: inout Group
    ) throws {
        if let options {
            if ending.lowercased() == "txt" {
                group.text = try caption(entry, of: archive, inTextFile: true, group, options)
                return
            } else if ending.lowercased() == "json" {
                group.data = try caption(entry, of: archive, inTextFile: false, group, options)
                return
            }
        } else if ending.lowercased() == "cls" {
            group.label = try label(entry)
            return
        }
        switch PictureExtension(ending: ending) {
        case .readable:
            if let other = group.picture {
                throw PixNerdError(
                    .malformed, "The shard \(path)",
                    found: "has two pictures for one sample, \(other.name) and \(entry.name)", expected: "one")
            }
            group.picture = (entry.name, entry.data)
        case .unreadable(let kind): group.otherKind = kind
        case nil:
            if PictureExtension(of: entry.name) != nil { leftOut.dotted.add("\(path)/\(entry.name)") }
        }
    }

    private mutating func finish(_ group: Group) throws {
        if let options, let picture = group.picture {
            samples.append(
                ImageCollection.Sample(path: path, entry: picture.name, range: picture.data, label: 0))
            captions.append(
                (options.key == nil ? group.text ?? group.data : group.data ?? group.text) ?? FoundCaption())
            return
        }
        switch (group.picture, group.label) {
        case (let picture?, let label?):
            samples.append(
                ImageCollection.Sample(path: path, entry: picture.name, range: picture.data, label: label))
        case (let picture?, nil):
            throw PixNerdError(
                .malformed, "The picture \(picture.name) in the shard \(path)", found: "has no class",
                expected: "\(group.key).cls with a number next to it")
        case (nil, _?) where group.otherKind == nil:
            throw PixNerdError(
                .malformed, "The class \(group.key).cls in the shard \(path)", found: "has no picture",
                expected: "\(group.key).jpg or .png next to it")
        default:
            if let kind = group.otherKind { leftOut.unsupported[kind, default: 0] += 1 }
        }
    }

    private func caption(
        _ entry: TarFile.Entry, of archive: TarFile, inTextFile isText: Bool, _ group: Group, _ options: CaptionOptions
    ) throws -> FoundCaption {
        let name = "\(path)/\(entry.name)"
        guard (isText ? group.text : group.data) == nil else {
            return FoundCaption(problem: .ambiguous("both in \(name)"))
        }
        let most = isText ? CaptionFile.mostBytes : Self.mostJSONBytes
        guard let bytes = try archive.contents(of: entry, most: most) else {
            return FoundCaption(
                problem: .unreadable("\(name) has \(entry.data.count) bytes; expected at most \(most) bytes"))
        }
        guard !isText else { return CaptionFile.caption(bytes, name: name, options) }
        do {
            let row = try CaptionRow(json: bytes, keys: options.keys)
            guard let key = try row.key(after: nil, in: name) else { return FoundCaption() }
            return FoundCaption(texts: row.texts(under: key), source: .data)
        } catch let problem as CaptionRow.Problem {
            return FoundCaption(
                problem: problem == .notUTF8
                    ? .notUTF8(file: name) : .unreadable("\(name) \(problem.found.text { $0.rawValue })"))
        }
    }

    private func label(_ entry: TarFile.Entry) throws -> Int {
        let text = String(decoding: entry.beginning, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard entry.data.count <= 64, let label = Int(text), (0..<Self.largestClassCount).contains(label) else {
            throw PixNerdError(
                .malformed, "\(entry.name) in the shard \(path)", found: "holds '\(text.prefix(20))'",
                expected: "the number of a class, from 0 on")
        }
        return label
    }
}
