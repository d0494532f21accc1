import PixNerdTensors

/// The captions of a collection's images, in a few bytes each besides their text.
///
/// An image may have several captions, of which one is drawn each time. Equal captions of neighbouring images, such as
/// those of a class, are kept once.
public struct Captions: Sendable {
    /// A number of consecutive texts.
    private struct Span {
        var first: UInt32
        var count: UInt32
    }

    /// The texts in UTF-8, one after another.
    private var bytes: [UInt8] = []
    /// The end of each text in `bytes`.
    private var ends: [Int] = []
    /// The texts of each image.
    private var spans: [Span] = []

    init() {}

    /// Number of images.
    public var count: Int { spans.count }

    /// The captions of an image, none if it has none.
    ///
    /// - Parameter image: an index into the collection's `samples`.
    public subscript(image: Int) -> [String] {
        let span = spans[image]
        return (0..<Int(span.count)).map { text(Int(span.first) + $0) }
    }

    /// The captions of all images, one image after another.
    public var all: some Sequence<String> { (0..<count).lazy.flatMap { self[$0] } }

    /// Number of captions of an image.
    ///
    /// - Parameter image: an index into the collection's `samples`.
    public func count(of image: Int) -> Int { Int(spans[image].count) }

    /// The caption that an image has in an epoch: drawn among several, by the seed, the epoch and the image alone.
    ///
    /// - Parameters:
    ///   - image: an index into the collection's `samples`.
    ///   - seed: the seed of the run.
    ///   - epoch: the number of the epoch, from 0.
    /// - Returns: the caption; empty if the image has none.
    public func drawn(_ image: Int, seed: UInt64, epoch: Int) -> String {
        let span = spans[image]
        guard span.count > 1 else { return span.count == 0 ? "" : text(Int(span.first)) }
        var stream = RandomStream(seed: seed, purpose: .captions, step: epoch, index: image)
        return text(Int(span.first) + stream.nextInteger(below: Int(span.count)))
    }

    private func text(_ number: Int) -> String {
        String(decoding: bytes[start(number)..<ends[number]], as: UTF8.self)
    }

    private func start(_ number: Int) -> Int { number == 0 ? 0 : ends[number - 1] }

    // MARK: Building

    /// Adds the next image.
    mutating func append(_ texts: [String]) {
        if !texts.isEmpty, let last = spans.last, Int(last.count) == texts.count, matches(last, texts) {
            spans.append(last)
            return
        }
        spans.append(Span(first: UInt32(ends.count), count: UInt32(texts.count)))
        for text in texts {
            bytes += text.utf8
            ends.append(bytes.count)
        }
    }

    /// By bytes: Swift takes two spellings of a letter as equal.
    private func matches(_ span: Span, _ texts: [String]) -> Bool {
        zip(texts, Int(span.first)...).allSatisfy { text, number in
            bytes[start(number)..<ends[number]].elementsEqual(text.utf8)
        }
    }

    /// The captions of some of the images, in their order.
    func of(_ images: some Sequence<Int>) -> Captions {
        var result = Captions()
        for image in images { result.append(self[image]) }
        return result
    }
}

extension Captions {
    /// - Parameter captions: the captions of each image; none for one without.
    public init(_ captions: [[String]]) {
        self.init()
        for texts in captions { append(texts) }
    }

    /// One caption for each class.
    ///
    /// - Parameters:
    ///   - texts: the captions, by label.
    ///   - labels: the class of each image.
    init(ofClasses texts: [String], labels: some Sequence<Int>) {
        self.init()
        for text in texts {
            bytes += text.utf8
            ends.append(bytes.count)
        }
        spans = labels.map { Span(first: UInt32($0), count: 1) }
    }
}
