/// The rules by which byte-pair encoding joins tokens: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare
/// Words with Subword Units" (2016).
struct Merges: Sendable {
    /// What a pair of neighbours becomes.
    private struct Merge {
        /// The place in the list; smaller ones come first.
        let rank: Int32
        let result: Int32
    }

    private var merges: [UInt64: Merge] = [:]
    /// The tokens of the single bytes.
    private let bytes: [Int32]

    /// - Parameter bytes: ids of the tokens of all 256 bytes.
    init(bytes: [Int]) {
        precondition(bytes.count == 256, "Merges: \(bytes.count) tokens for bytes, expected 256")
        self.bytes = bytes.map { Int32($0) }
        merges.reserveCapacity(1 << 10)
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Adds the next rule. If a pair has two, the later one counts, as in the tokenizers library.
    mutating func add(_ left: Int, _ right: Int, result: Int, rank: Int) {
        merges[Self.key(Int32(left), Int32(right))] = Merge(rank: Int32(rank), result: Int32(result))
    }

    /// A possible merge: of the token at a place with the one behind it.
    private struct Candidate: Comparable {
        let merge: Merge
        let place: Int

        /// The order in which merges happen: by rank, and of one rule from the left.
        static func < (one: Candidate, other: Candidate) -> Bool {
            (one.merge.rank, one.place) < (other.merge.rank, other.place)
        }

        static func == (one: Candidate, other: Candidate) -> Bool {
            (one.merge.rank, one.place) == (other.merge.rank, other.place)
        }
    }

    /// The tokens of a piece of text.
    func ids(of piece: ArraySlice<UInt8>) -> [Int32] {
        // Tokens stand where their first byte stood; -1 is a place that is part of the token before it.
        var ids = piece.map { bytes[Int($0)] }
        guard ids.count > 1 else { return ids }
        var next = Array(1...ids.count)
        var previous = Array(-1..<ids.count - 1)
        var heap = Heap<Candidate>()

        func candidate(at place: Int) -> Candidate? {
            guard place >= 0, next[place] < ids.count else { return nil }
            return merges[Self.key(ids[place], ids[next[place]])].map { Candidate(merge: $0, place: place) }
        }
        for place in ids.indices { if let candidate = candidate(at: place) { heap.push(candidate) } }

        while let best = heap.pop() {
            // Either token may have become part of another since.
            guard ids[best.place] >= 0, candidate(at: best.place) == best else { continue }
            let gone = next[best.place]
            ids[best.place] = best.merge.result
            ids[gone] = -1
            next[best.place] = next[gone]
            if next[gone] < ids.count { previous[next[gone]] = best.place }
            if let candidate = candidate(at: previous[best.place]) { heap.push(candidate) }
            if let candidate = candidate(at: best.place) { heap.push(candidate) }
        }
        return ids.filter { $0 >= 0 }
    }
}
