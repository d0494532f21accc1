import PixNerdSupport
import PixNerdTensors

/// A summary of the captions of a collection.
public struct CaptionReport: Sendable, Codable {
    public struct Example: Sendable, Codable, Equatable {
        /// The path of the image, including that inside its shard.
        public let picture: String
        public let captions: [String]
    }

    /// Number of images that have a caption, including empty ones.
    public let withCaption: Int
    /// Number of images that have none, not counting those whose caption cannot be used.
    public let without: Int
    /// Number of images that have an empty caption.
    public let empty: Int
    /// Number of images whose caption is not UTF-8 text.
    public let notUTF8: Int
    /// Number of images whose caption cannot be used for another reason: two files hold one, or it cannot be read.
    public let unusable: Int
    /// Number of images with several captions.
    public let several: Int
    /// Number of images whose caption comes from a text file of its own.
    public let fromTextFiles: Int
    /// Number of images whose captions come from a table or from JSON.
    public let fromData: Int
    /// Number of captions in all.
    public let captions: Int
    /// Whether the line break at the end of text files is kept.
    public let keepsNewline: Bool
    /// Lengths of captions in characters; nil if there are none.
    public let characters: Spread<Int>?
    /// Lengths of captions in tokens; nil if there are none, or if tokens cannot be counted.
    public let tokens: Spread<Int>?
    /// The number of tokens that a text encoder reads; nil if tokens cannot be counted.
    public let tokenLimit: Int?
    /// Number of captions with more tokens than that, which are cut; nil if tokens cannot be counted.
    public let longerThanLimit: Int?
    /// Number of rows in tables that belong to no image.
    public let unmatchedRows: Int
    /// A few images, evenly spread, with their captions.
    public let examples: [Example]
    /// The first of the images without a caption.
    public let uncaptioned: [String]
    /// The first problems with captions, as sentences.
    public let problems: [String]

    private static let mostShown = 5

    /// Counts the captions that a survey found.
    ///
    /// - Parameters:
    ///   - survey: the images and their captions.
    ///   - tokenLimit: the number of tokens that a text encoder reads.
    ///   - tokens: counts the tokens of a text, on several threads at a time; nil if that is not possible.
    public init(_ survey: CaptionSurvey, tokenLimit: Int = 128, tokens: (@Sendable (String) -> Int)? = nil) {
        let collection = survey.collection
        let captions = collection.captions ?? Captions(Array(repeating: [], count: collection.samples.count))
        let counts = Self.counts(captions, tokens)
        let damaged = Set(survey.problems.map(\.image))
        let bare = captions.indices.filter { captions.count(of: $0) == 0 && !damaged.contains($0) }
        without = bare.count
        withCaption = collection.samples.count - bare.count - damaged.count
        empty = counts.reduce(0) { $0 + $1.empty }
        notUTF8 = survey.problems.count {
            if case .notUTF8 = $0.problem { true } else { false }
        }
        unusable = survey.problems.count - notUTF8
        several = captions.indices.count { captions.count(of: $0) > 1 }
        (fromTextFiles, fromData) = survey.sources
        characters = Spread(counts.flatMap(\.characters))
        self.captions = counts.reduce(0) { $0 + $1.characters.count }
        keepsNewline = survey.options.keepsNewline
        self.tokens = Spread(counts.flatMap(\.tokens))
        self.tokenLimit = tokens == nil ? nil : tokenLimit
        longerThanLimit =
            tokens == nil ? nil : counts.reduce(0) { $0 + $1.tokens.count { $0 > tokenLimit } }
        unmatchedRows = survey.unmatchedRows.count
        let captioned = captions.indices.filter { captions.count(of: $0) > 0 }
        let shown = min(Self.mostShown, captioned.count)
        examples = (0..<shown).map { number in
            let image = captioned[number * captioned.count / shown]
            return Example(picture: collection.samples[image].name, captions: captions[image])
        }
        uncaptioned = bare.prefix(Self.mostShown).map { collection.samples[$0].name }
        var sentences = survey.problems.prefix(Self.mostShown).map { image, problem in
            switch problem {
            case .notUTF8(let file): "\(file) is not UTF-8 text."
            case .ambiguous(let files): "\(collection.samples[image].name) has two captions: \(files)."
            case .unreadable(let reason): "\(reason)."
            }
        }
        if survey.unmatchedRows.count > 0 {
            sentences.append(
                "\(counted(survey.unmatchedRows.count, "row")) of tables belong to no image: "
                    + "\(survey.unmatchedRows.list).")
        }
        if survey.unreadTables.count > 0 {
            sentences.append("Parquet tables are not read, write metadata.jsonl: \(survey.unreadTables.list).")
        }
        problems = sentences
    }

    /// What is counted of a number of images.
    private struct Counts: Sendable {
        var characters: [Int] = []
        var tokens: [Int] = []
        /// Images with an empty caption.
        var empty = 0
    }

    /// Counts on all threads, as tokens take time.
    private static func counts(_ captions: Captions, _ tokens: (@Sendable (String) -> Int)?) -> [Counts] {
        let stretch = 256
        return parallelMap((captions.count + stretch - 1) / stretch) { part in
            var counts = Counts()
            for image in part * stretch..<min((part + 1) * stretch, captions.count) {
                let texts = captions[image]
                counts.empty += texts.contains("") ? 1 : 0
                for text in texts {
                    counts.characters.append(text.count)
                    if let tokens { counts.tokens.append(tokens(text)) }
                }
            }
            return counts
        }
    }
}

extension Captions {
    fileprivate var indices: Range<Int> { 0..<count }
}
