import PixNerdSupport

/// A collection with the captions that were found for it, before anything is refused.
public struct CaptionSurvey: Sendable {
    /// Every image, with the captions that were found; none where something is wrong.
    public private(set) var collection: ImageCollection
    /// How the captions were read.
    public let options: CaptionOptions
    private var captions = Captions()
    /// What is wrong with captions, by the index of the image.
    private(set) var problems: [(image: Int, problem: FoundCaption.Problem)] = []
    /// Number of images whose captions come from files of their own, and from tables or JSON.
    private(set) var sources = (textFiles: 0, data: 0)
    /// Rows of tables that belong to no image.
    private(set) var unmatchedRows = LeftOut.Files()
    /// Tables that are not read.
    private(set) var unreadTables = LeftOut.Files()

    /// Reads the captions of a collection.
    ///
    /// With a template the images must be laid out in one folder per class. Otherwise they may lie in any folders below
    /// the root, and the collection has a single class.
    ///
    /// - Parameters:
    ///   - root: a folder or WebDataset shards, as for `ImageCollection.open`.
    ///   - options: where captions come from.
    ///   - labels: where the classes come from that a template names.
    /// - Throws: `PixNerdError` if there are no images, if a table is damaged, if captions stand under several keys of
    ///   which none was chosen, or if an option makes no sense. Captions that are missing or damaged by themselves are
    ///   only noted.
    public init(root: String, options: CaptionOptions, labels: LabelOptions = LabelOptions()) throws {
        try options.validate()
        self.options = options
        if options.template != nil {
            collection = try ImageCollection.open(root: root, labels: labels)
            captions = Captions(
                ofClasses: collection.classes.map(options.caption(ofClass:)),
                labels: collection.samples.lazy.map(\.label))
        } else if ImageCollection.isShards(root) {
            var found: [FoundCaption] = []
            collection = try TarShards.collection(root: root, captions: options, found: &found)
            for caption in found { append(caption) }
        } else {
            let folders = try CaptionFolders(root, options)
            collection = folders.collection
            (unmatchedRows, unreadTables) = (folders.unmatchedRows, folders.unreadTables)
            folders.forEachCaption { append($0) }
        }
        collection = collection.with(captions, remarks: [])
    }

    private mutating func append(_ caption: FoundCaption) {
        if let problem = caption.problem {
            problems.append((captions.count, problem))
        } else if !caption.texts.isEmpty {
            switch caption.source {
            case .textFile: sources.textFiles += 1
            case .data: sources.data += 1
            case nil: break
            }
        }
        captions.append(caption.problem == nil ? caption.texts : [])
    }

    /// The collection for training.
    ///
    /// - Throws: `PixNerdError` with the number of captions that are missing or damaged, and the first of them. Missing
    ///   ones are left out instead if the options say so.
    public func checked() throws -> ImageCollection {
        try checkProblems()
        let withCaption = collection.samples.indices.filter { captions.count(of: $0) > 0 }
        let missing = collection.samples.count - withCaption.count
        guard missing > 0 else { return collection.with(captions, remarks: remarks) }
        guard options.skipsUncaptioned, !withCaption.isEmpty else { throw missingError(missing) }
        let skipped = "\(counted(missing, "image")) without a caption \(missing == 1 ? "is" : "are") left out."
        return collection.with(captions.of(withCaption), only: withCaption, remarks: [skipped] + remarks)
    }

    private func checkProblems() throws {
        guard let (image, problem) = problems.first else { return }
        let more = problems.count == 1 ? "" : ", and so have \(problems.count - 1) others"
        let name = collection.samples[image].name
        switch problem {
        case .notUTF8(let file):
            let count = problems.count {
                if case .notUTF8 = $0.problem { true } else { false }
            }
            throw PixNerdError(
                .malformed, "\(file)",
                found: "is not UTF-8 text" + (count == 1 ? "" : ", like \(counted(count - 1, "other caption"))"),
                advice: "convert it, for example with iconv")
        case .ambiguous(let files):
            throw PixNerdError(
                .malformed, "The picture \(name)", found: "has two captions, \(files)\(more)",
                advice: "remove one of them")
        case .unreadable(let reason):
            throw PixNerdError(.malformed, "The caption of \(name):", found: "\(reason)\(more)")
        }
    }

    private func missingError(_ missing: Int) -> PixNerdError {
        let first = collection.samples.indices.first { captions.count(of: $0) == 0 }!
        let name = collection.samples[first].name
        let subject: ErrorText =
            missing == collection.samples.count
            ? "None of the \(counted(missing, "picture")) in \(collection.root)"
            : "\(missing) of the \(counted(collection.samples.count, "picture")) in \(collection.root)"
        let verb = missing == collection.samples.count || missing == 1 ? "has" : "have"
        let negation = missing == collection.samples.count ? "a caption" : "no caption"
        var advice: ErrorText = "put a text file beside each, or leave such pictures out with "
        advice = advice + "\(Setting.skipsUncaptioned)"
        if missing == collection.samples.count { advice = "put a text file beside each, or a metadata.jsonl" }
        if unmatchedRows.count > 0 {
            advice =
                advice + "; \(counted(unmatchedRows.count, "row")) of tables name no picture: \(unmatchedRows.list)"
        }
        if unreadTables.count > 0 {
            advice = advice + "; \(unreadTables.list) cannot be read: write it as metadata.jsonl"
        }
        return PixNerdError(
            .malformed, subject, found: "\(verb) \(negation)", expected: "\(expected(beside: name))", advice: advice)
    }

    /// Where the caption of an image is looked for first.
    private func expected(beside name: String) -> String {
        let key = options.key.map { "'\($0)' in " }
        if ImageCollection.isShards(collection.root) {
            return key.map { "\($0)a .json beside \(name)" } ?? "a .txt or .json beside \(name)"
        }
        guard let key else { return name[..<(name.lastIndex(of: ".") ?? name.endIndex)] + ".txt for \(name)" }
        return "\(key)a metadata.jsonl or metadata.csv for \(name)"
    }

    /// Sentences about captions that can be trained on but look like mistakes.
    private var remarks: [String] {
        var remarks: [String] = []
        let empty = collection.samples.indices.count { captions[$0].contains("") }
        if empty > 0 {
            remarks.append(
                "\(counted(empty, "image")) \(empty == 1 ? "has" : "have") an empty caption, which is the text that "
                    + "stands for no condition.")
        }
        if unmatchedRows.count > 0 {
            remarks.append(
                "\(counted(unmatchedRows.count, "row")) of tables \(unmatchedRows.count == 1 ? "names" : "name") no "
                    + "picture: \(unmatchedRows.list).")
        }
        return remarks
    }
}

extension ImageCollection {
    /// Finds the images of a folder, of a zip archive or of shards, and their captions.
    ///
    /// - Parameters:
    ///   - root: a folder, a zip archive or WebDataset shards, as for `open(root:labels:)`.
    ///   - captions: where captions come from; nil for none, so that no caption is read and classes are needed.
    ///   - labels: where classes come from; captions that are no template's have none.
    /// - Throws: `PixNerdError` if the images cannot be found, or if a caption is missing, damaged or not UTF-8 text.
    public static func open(
        root: String, captions: CaptionOptions?, labels: LabelOptions = LabelOptions()
    ) throws -> ImageCollection {
        guard let captions else { return try open(root: root, labels: labels) }
        return try CaptionSurvey(root: root, options: captions, labels: labels).checked()
    }
}
