import PixNerdSupport

/// The samples of one tar file: images, with their classes or captions.
struct TarShard {
    /// What is read beside the images.
    enum Reading: Sendable {
        case images
        /// Classes, from JSON under a key; without one, from .cls files, or else from JSON under the usual key.
        case labels(key: String?)
        case captions(CaptionOptions)
    }

    private(set) var samples: [ImageCollection.Sample] = []
    /// The classes of the samples; empty if they are not asked for.
    private(set) var labels: [[FoundLabel]] = []
    /// The values of the samples; empty if none are asked for.
    private(set) var values: [[FoundValue]] = []
    /// The captions of the samples; empty if they are not asked for.
    private(set) var captions: [FoundCaption] = []
    private(set) var leftOut = LeftOut()
    private let path: String
    private let reading: Reading
    private let valueNames: [String]

    /// The bytes that a JSON file may have beside an image.
    private static let mostJSONBytes = 1 << 24

    /// - Parameters:
    ///   - path: a tar file.
    ///   - reading: what is read beside the images.
    ///   - values: keys of the .json files with numbers to read.
    init(_ path: String, _ reading: Reading, values: [String] = []) throws {
        (self.path, self.reading, valueNames) = (path, reading, values)
        let archive = try TarFile(path)
        var group = Group(key: "")
        while let entry = try archive.next() {
            let base = entry.name.lastIndex(of: "/").map { entry.name.index(after: $0) } ?? entry.name.startIndex
            // Names that begin with a dot are metadata of the operating system, not images.
            guard let dot = entry.name[base...].firstIndex(of: "."), dot != base else { continue }
            let key = String(entry.name[..<dot])
            // By bytes: Swift takes the two spellings of an accented letter as equal.
            if !key.utf8.elementsEqual(group.key.utf8) {
                try finish(group, of: archive)
                group = Group(key: key)
            }
            try add(entry, of: archive, ending: entry.name[entry.name.index(after: dot)...], to: &group)
        }
        try finish(group, of: archive)
    }

    /// The files of one sample found so far.
    private struct Group {
        let key: String
        var picture: (name: String, data: Range<Int>)?
        var label: FoundLabel?
        /// The .json file, which may hold the class and values.
        var json: TarFile.Entry?
        /// The captions of a .txt and of a .json file.
        var text: FoundCaption?
        var data: FoundCaption?
        var otherKind: String?
    }

    private mutating func add(
        _ entry: TarFile.Entry, of archive: TarFile, ending: Substring, to group: inout Group
    ) throws {
        let kind = ending.lowercased()
        switch reading {
        case .captions(let options) where kind == "txt":
            group.text = try caption(entry, of: archive, inTextFile: true, group, options)
            return
        case .captions(let options) where kind == "json":
            group.data = try caption(entry, of: archive, inTextFile: false, group, options)
            return
        case .labels where kind == "cls":
            group.label = try label(entry)
            return
        case .labels where kind == "json", .images where kind == "json" && !valueNames.isEmpty:
            group.json = entry
            return
        default: break
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

    private mutating func finish(_ group: Group, of archive: TarFile) throws {
        if let picture = group.picture {
            samples.append(
                ImageCollection.Sample(path: path, entry: picture.name, range: picture.data, label: 0))
            if !valueNames.isEmpty { values.append(try values(of: group.json, in: archive)) }
        }
        switch reading {
        case .images: break
        case .captions(let options):
            guard group.picture != nil else { break }
            captions.append(
                (options.key == nil ? group.text ?? group.data : group.data ?? group.text) ?? FoundCaption())
            return
        case .labels(let key):
            if let picture = group.picture {
                let own = (key == nil ? group.label : nil).map { [$0] }
                guard let found = try own ?? group.json.flatMap({ try labels($0, of: archive, under: key) }) else {
                    throw PixNerdError(
                        .malformed, "The picture \(picture.name) in the shard \(path)", found: "has no class",
                        expected: key.map { "\(group.key).json with '\($0)' next to it" }
                            ?? "\(group.key).cls with a number next to it, or \(group.key).json with 'label'",
                        advice: key == nil ? "set \(Setting.labels) to none for one class without labels" : nil)
                }
                labels.append(found)
                return
            }
            guard group.label == nil || group.otherKind != nil else {
                throw PixNerdError(
                    .malformed, "The class \(group.key).cls in the shard \(path)", found: "has no picture",
                    expected: "\(group.key).jpg or .png next to it")
            }
        }
        if group.picture == nil, let kind = group.otherKind { leftOut.unsupported[kind, default: 0] += 1 }
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
            let row = try TableRow(json: bytes, keys: options.keys)
            let texts = try CaptionTable.texts(of: row)
            guard let key = try row.key(after: nil, in: name, of: "captions", .captionKey) else {
                return FoundCaption()
            }
            return FoundCaption(texts: texts.first { $0.key == key }?.texts ?? [], source: .data)
        } catch let problem as TableRow.Problem {
            return FoundCaption(
                problem: problem == .notUTF8
                    ? .notUTF8(file: name) : .unreadable("\(name) \(problem.found.text { $0.rawValue })"))
        } catch let problem as CaptionTable.NotText {
            return FoundCaption(problem: .unreadable("\(name) \(problem.found.text { $0.rawValue })"))
        }
    }

    /// The classes in a .json file.
    private func labels(_ entry: TarFile.Entry, of archive: TarFile, under key: String?) throws -> [FoundLabel]? {
        let key = key ?? "label"
        return try FoundLabel.all(row(entry, of: archive, keys: [key]).value(under: key), in: "\(path)/\(entry.name)")
    }

    /// The values in a .json file, if there is one.
    private func values(of entry: TarFile.Entry?, in archive: TarFile) throws -> [FoundValue] {
        guard let entry else { return valueNames.map { _ in .missing } }
        let row = try row(entry, of: archive, keys: valueNames)
        return try valueNames.map { try FoundValue(row, under: $0, in: "\(path)/\(entry.name)") }
    }

    private func row(_ entry: TarFile.Entry, of archive: TarFile, keys: [String]) throws -> TableRow {
        let name = "\(path)/\(entry.name)"
        guard let bytes = try archive.contents(of: entry, most: Self.mostJSONBytes) else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(entry.data.count) bytes",
                expected: "at most \(Self.mostJSONBytes) bytes")
        }
        do {
            return try TableRow(json: bytes, keys: keys)
        } catch {
            throw PixNerdError(.malformed, "\(name)", found: error.found)
        }
    }

    private func label(_ entry: TarFile.Entry) throws -> FoundLabel {
        let text = String(decoding: entry.beginning, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard entry.data.count <= 64, let label = Int(text), (0..<FoundLabel.largestCount).contains(label) else {
            throw PixNerdError(
                .malformed, "\(entry.name) in the shard \(path)", found: "holds '\(text.prefix(20))'",
                expected: "the number of a class, from 0 on")
        }
        return .number(label)
    }
}
