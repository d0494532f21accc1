/// Tokens by their ids, as a file spells them.
struct Vocabulary: Sendable {
    /// The texts one behind another, as UTF-8.
    private var texts: [UInt8] = []
    /// Offsets of the texts, and the end.
    private var starts = [0]
    /// The entry that an id has; -1 for none.
    private var entries: [Int32] = []

    /// The number of tokens.
    var count: Int { starts.count - 1 }

    /// One more than the largest id.
    var idLimit: Int { entries.count }

    /// Adds a token.
    ///
    /// - Parameter id: at least 0 and below a bound of the caller, as memory for all smaller ids is taken.
    /// - Returns: false if another token has the id.
    mutating func add(_ text: some Collection<UInt8>, id: Int) -> Bool {
        if id >= entries.count { entries += repeatElement(-1, count: id + 1 - entries.count) }
        guard entries[id] < 0 else { return false }
        entries[id] = Int32(count)
        texts.append(contentsOf: text)
        starts.append(texts.count)
        return true
    }

    /// The text of an id; nil if no token has it.
    func text(of id: Int) -> ArraySlice<UInt8>? {
        guard entries.indices.contains(id), entries[id] >= 0 else { return nil }
        let entry = Int(entries[id])
        return texts[starts[entry]..<starts[entry + 1]]
    }
}

/// The ids of texts. Texts are the same if their bytes are, unlike strings of Swift.
struct TokenIDs {
    private var vocabulary = Vocabulary()
    /// The id of each slot's token; -1 for a free slot. Their number is a power of two, and half of them or more are
    /// free.
    private var slots = [Int32](repeating: -1, count: 1 << 10)

    /// The tokens by their ids.
    var tokens: Vocabulary { vocabulary }

    /// The outcome of adding a token.
    enum Addition {
        case added
        case hasText
        case hasID
    }

    /// Adds a token.
    ///
    /// - Returns: what an earlier token has in common with it, if any has.
    mutating func add(_ text: some Collection<UInt8>, id: Int) -> Addition {
        let bytes = Array(text)
        guard self[bytes[...]] == nil else { return .hasText }
        guard vocabulary.add(bytes, id: id) else { return .hasID }
        if 2 * vocabulary.count > slots.count {
            slots = [Int32](repeating: -1, count: 2 * slots.count)
            for id in 0..<vocabulary.idLimit {
                if let text = vocabulary.text(of: id) { slots[freeSlot(for: text)] = Int32(id) }
            }
        } else {
            slots[freeSlot(for: bytes[...])] = Int32(id)
        }
        return .added
    }

    /// The id of a text; nil if it is no token.
    subscript(text: ArraySlice<UInt8>) -> Int? {
        var slot = firstSlot(of: text)
        while slots[slot] >= 0 {
            let id = Int(slots[slot])
            if let own = vocabulary.text(of: id), own.elementsEqual(text) { return id }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    private func firstSlot(of text: ArraySlice<UInt8>) -> Int {
        // Seeded at each start, so that no file can be made whose texts all fall on the same slots.
        var hasher = Hasher()
        text.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize() & (slots.count - 1)
    }

    private func freeSlot(for text: ArraySlice<UInt8>) -> Int {
        var slot = firstSlot(of: text)
        while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
        return slot
    }
}
