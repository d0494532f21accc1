import PixNerdSupport
import PixNerdTensors

/// What of a caption of the captioned shapes dataset a picture shows.
public struct ShapeJudgement: Sendable, Equatable, Codable {
    /// Whether the picture shows as many shapes as the caption names.
    public let hasCount: Bool
    /// Whether it shows as many, in the named colours.
    public let hasColors: Bool
    /// Whether it shows as many, with the named outlines.
    public let hasShapes: Bool
    /// Whether it shows as many, each with its own colour and outline.
    public let hasBoth: Bool
    /// Whether the background has the named colour.
    public let hasBackground: Bool
    /// Whether what is named is where the caption says, if it shows both; nil if the caption does not say.
    public let hasPlace: Bool?

    /// - Parameters:
    ///   - view: what the picture shows.
    ///   - caption: what it should show.
    public init(_ view: ShapeJudge.View, _ caption: ShapeCaption) {
        let (seen, named) = (view.shapes, caption.things.map(\.combination))
        let hasCount = seen.count == named.count
        self.hasCount = hasCount
        hasColors = hasCount && seen.map(\.color).sorted() == named.map(\.color).sorted()
        hasShapes = hasCount && seen.map { $0.shape ?? "" }.sorted() == named.map(\.shape).sorted()
        let matching = named.map { combination in
            seen.first { $0.color == combination.color && $0.shape == combination.shape }
        }
        // Captions of this dataset never name a combination twice.
        hasBoth = hasCount && matching.allSatisfy { $0 != nil }
        hasBackground = view.background == caption.background
        hasPlace = Self.places(caption, matching)
    }

    private static func places(_ caption: ShapeCaption, _ seen: [ShapeJudge.Seen?]) -> Bool? {
        if let (relation, _) = caption.second {
            guard let (a, b) = both(seen[0], seen[1]) else { return false }
            return switch relation {
            case .above: a.y < b.y
            case .below: a.y > b.y
            case .leftOf: a.x < b.x
            case .rightOf: a.x > b.x
            }
        }
        guard let place = caption.place else { return nil }
        guard let shape = seen[0] else { return false }
        // Thirds would be too strict for large shapes, whose centres cannot be farther out.
        let (isLeft, isRight) = (shape.x < 0.43, shape.x > 0.57)
        let (isTop, isBottom) = (shape.y < 0.43, shape.y > 0.57)
        return switch place {
        case .top: isTop
        case .bottom: isBottom
        case .left: isLeft
        case .right: isRight
        case .topLeft: isTop && isLeft
        case .topRight: isTop && isRight
        case .bottomLeft: isBottom && isLeft
        case .bottomRight: isBottom && isRight
        }
    }
}

/// How many pictures show what their captions say.
public struct ShapeScores: Sendable, Codable {
    public struct Picture: Sendable, Codable {
        /// The path of the picture.
        public let name: String
        public let caption: String
        public let view: ShapeJudge.View
        public let judgement: ShapeJudgement
    }

    /// The pictures, in the order of the collection.
    public let pictures: [Picture]

    /// Number of pictures in which the judgement has some quality.
    public func count(_ quality: (ShapeJudgement) -> Bool) -> Int { pictures.count { quality($0.judgement) } }

    /// Judges every picture of a collection, on all threads.
    ///
    /// - Parameters:
    ///   - collection: the pictures.
    ///   - captions: their captions, in the same order; nil for those of the collection, which must have been opened
    ///     with captions.
    /// - Throws: `PixNerdError` if there are not as many captions as pictures, if one is not of this dataset, or if a
    ///   picture cannot be read.
    public init(_ collection: ImageCollection, captions: [String]? = nil) throws {
        let texts = captions ?? collection.samples.indices.map { collection.captions?[$0].first ?? "" }
        guard texts.count == collection.samples.count else {
            throw PixNerdError(
                .mismatch, "\(collection.root)",
                found: "has \(counted(collection.samples.count, "picture")), but there are "
                    + "\(counted(texts.count, "caption"))", expected: "a caption for each picture")
        }
        let parsed = try zip(collection.samples, texts).map { sample, text in
            guard let caption = ShapeCaption(text) else {
                throw PixNerdError(
                    .malformed, "The caption of \(sample.name)", found: "is '\(text)'",
                    expected: "one of the captioned shapes, such as 'a red circle on dark blue'")
            }
            return caption
        }
        let judge = ShapeJudge()
        var pictures: [Picture] = []
        let stretch = 256
        for first in stride(from: 0, to: collection.samples.count, by: stretch) {
            let places = Array(first..<min(first + stretch, collection.samples.count))
            let read = collection.read(places)
            let views = parallelMap(places.count) { place in read[place].map(judge.view) }
            for (place, view) in zip(places, views) {
                let view = try view.get()
                pictures.append(
                    Picture(
                        name: collection.samples[place].name, caption: texts[place], view: view,
                        judgement: ShapeJudgement(view, parsed[place])))
            }
        }
        self.pictures = pictures
    }
}
