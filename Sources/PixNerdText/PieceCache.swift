import Synchronization

/// The tokens of pieces that have been met, for all threads.
final class PieceCache: Sendable {
    private let entries = Mutex<[ArraySlice<UInt8>: [Int32]]>([:])

    /// Pieces that are kept; when they are this many, all are forgotten.
    private static let capacity = 1 << 16
    /// Length in bytes above which pieces are not kept.
    private static let longest = 64

    /// The tokens of a piece, which `ids` makes if they are not known.
    func ids(of piece: ArraySlice<UInt8>, _ ids: () -> [Int32]) -> [Int32] {
        guard piece.count <= Self.longest else { return ids() }
        if let known = entries.withLock({ $0[piece] }) { return known }
        let made = ids()
        // A copy of its own, as a slice keeps the whole text.
        let key = Array(piece)[...]
        entries.withLock { entries in
            if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
            entries[key] = made
        }
        return made
    }
}
