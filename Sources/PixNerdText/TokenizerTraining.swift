import PixNerdSupport

/// Learns a small byte-level BPE from text, for text encoders that are trained from scratch or tried out.
///
/// The rules are those of Qwen3's tokenizer, and ``LearnedTokenizer/write(to:)`` writes it as that is published, so that
/// ``Tokenizer`` and Hugging Face's libraries read it and give the same ids. Equal lines give equal tokenizers.
public struct TokenizerTraining: Sendable {
    /// The number of tokens in all, added ones included. Fewer are learned if the text has no more pairs.
    public let tokens: Int
    /// Tokens that stand for themselves in a text. The first of them fills up rows.
    public let addedTokens: [String]
    /// How often a pair must occur to become a token; at least 1.
    public let leastCount: Int

    /// The added tokens of Qwen3 that its templates of conversations consist of.
    public static let usualAddedTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

    /// - Parameters:
    ///   - tokens: the number of tokens in all: at least 256, for the bytes, and the added ones; at most 4,194,304.
    ///   - addedTokens: one or more different texts, none of them empty; see `addedTokens`.
    ///   - leastCount: how often a pair must occur to become a token; at least 1.
    /// - Throws: `PixNerdError` naming the value that is out of range.
    public init(
        tokens: Int, addedTokens: [String] = TokenizerTraining.usualAddedTokens, leastCount: Int = 2
    ) throws {
        guard !addedTokens.isEmpty, addedTokens.allSatisfy({ !$0.isEmpty }),
            Set(addedTokens.map { Array($0.utf8) }).count == addedTokens.count,
            // A single character may be the spelling of a byte.
            addedTokens.allSatisfy({ $0.unicodeScalars.count > 1 })
        else {
            throw PixNerdError(
                .invalidValue, "The added tokens", found: "are \(addedTokens)",
                expected: "one or more different texts of two characters or more")
        }
        try require("The number of tokens", tokens, in: 256 + addedTokens.count...TokenizerRules.largestCount)
        try require("The count from which on a pair becomes a token", leastCount, in: 1...Int.max)
        (self.tokens, self.addedTokens, self.leastCount) = (tokens, addedTokens, leastCount)
    }

    /// Learns which pairs are frequent.
    ///
    /// - Parameter lines: texts such as captions. What a line ends with belongs to it only if it is in the text.
    public func learn(from lines: some Sequence<String>) -> LearnedTokenizer {
        var counts: [[UInt8]: Int] = [:]
        for line in lines {
            for piece in Pieces(Composition.composed(line)) { counts[Array(piece), default: 0] += 1 }
        }
        // In an order that does not change from one run to the next.
        let words = counts.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        var learner = MergeLearner(words.map { ($0.key, $0.value) })
        learner.learn(tokens: tokens - addedTokens.count, leastCount: leastCount, reserved: Set(addedTokens))
        return LearnedTokenizer(tokens: learner.tokens, merges: learner.merges, added: addedTokens)
    }
}

/// The state of learning: words, the pairs in them, and the tokens so far.
private struct MergeLearner {
    private typealias Pair = UInt64

    /// Spellings of the tokens by id: at first those of the bytes, in the order of their characters.
    private(set) var tokens: [String]
    private(set) var merges: [(left: Int, right: Int)] = []
    private var ids: [String: Int] = [:]
    private var words: [(ids: [Int], count: Int)] = []
    private var counts: [Pair: Int] = [:]
    /// The words that have, or have had, a pair.
    private var places: [Pair: Set<Int>] = [:]

    init(_ words: [(bytes: [UInt8], count: Int)]) {
        let alphabet = ByteAlphabet.characters.enumerated().sorted { $0.element < $1.element }
        var tokenOfByte = [Int](repeating: 0, count: 256)
        for (id, (byte, _)) in alphabet.enumerated() { tokenOfByte[byte] = id }
        tokens = alphabet.map { String($0.element) }
        for (id, token) in tokens.enumerated() { ids[token] = id }
        self.words = words.map { ($0.bytes.map { tokenOfByte[Int($0)] }, $0.count) }
        for (place, word) in self.words.enumerated() {
            for (left, right) in zip(word.ids, word.ids.dropFirst()) {
                counts[Self.pair(left, right), default: 0] += word.count
                places[Self.pair(left, right), default: []].insert(place)
            }
        }
    }

    private static func pair(_ left: Int, _ right: Int) -> Pair { UInt64(left) << 32 | UInt64(right) }

    /// A pair with its count when it was put into the queue.
    private struct Candidate: Comparable {
        let count: Int
        let pair: Pair

        /// Frequent ones come first, and of equally frequent ones that with the smaller ids.
        static func < (one: Candidate, other: Candidate) -> Bool {
            one.count != other.count ? one.count > other.count : one.pair < other.pair
        }
    }

    /// Adds tokens until there are enough, or no frequent pair is left.
    mutating func learn(tokens wanted: Int, leastCount: Int, reserved: Set<String>) {
        var queue = Heap<Candidate>()
        for (pair, count) in counts { queue.push(Candidate(count: count, pair: pair)) }
        while tokens.count < wanted, let best = queue.pop() {
            let count = counts[best.pair] ?? 0
            guard count == best.count else {
                // Counts that have grown are in the queue already.
                if count > 0, count < best.count { queue.push(Candidate(count: count, pair: best.pair)) }
                continue
            }
            guard count >= leastCount else { return }
            let (left, right) = (Int(best.pair >> 32), Int(best.pair & 0xffff_ffff))
            let spelling = tokens[left] + tokens[right]
            // A text that spells an added token is cut out before any merging, so no pair of it needs a token.
            if reserved.contains(spelling) { continue }
            if ids[spelling] == nil {
                ids[spelling] = tokens.count
                tokens.append(spelling)
            }
            merges.append((left, right))
            for pair in apply(best.pair, left, right, result: ids[spelling]!) {
                if let count = counts[pair], count > 0 { queue.push(Candidate(count: count, pair: pair)) }
            }
        }
    }

    /// Merges a pair in all words.
    ///
    /// - Returns: the pairs that occur more often now.
    private mutating func apply(_ pair: Pair, _ left: Int, _ right: Int, result: Int) -> Set<Pair> {
        var grown = Set<Pair>()
        for place in places.removeValue(forKey: pair) ?? [] {
            let (old, count) = words[place]
            var new: [Int] = []
            var at = 0
            while at < old.count {
                let isPair = at + 1 < old.count && old[at] == left && old[at + 1] == right
                new.append(isPair ? result : old[at])
                at += isPair ? 2 : 1
            }
            guard new.count < old.count else { continue }
            for (left, right) in zip(old, old.dropFirst()) { counts[Self.pair(left, right), default: 0] -= count }
            for (left, right) in zip(new, new.dropFirst()) {
                let pair = Self.pair(left, right)
                counts[pair, default: 0] += count
                places[pair, default: []].insert(place)
                grown.insert(pair)
            }
            words[place].ids = new
        }
        counts[pair] = 0
        return grown
    }
}
