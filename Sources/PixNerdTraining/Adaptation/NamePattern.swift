import Foundation

/// A pattern for names such as `blocks.0.attn.qkv.weight`: parts of a name that follow each other anywhere in it, in which
/// `*` stands for any text. `blocks.0` fits all weights of that block, `attn.qkv` that layer in all blocks.
struct NamePattern {
    let text: String
    private let parts: [[Substring]]

    init(_ text: String) {
        self.text = text
        parts = text.split(separator: ".", omittingEmptySubsequences: false).map {
            $0.split(separator: "*", omittingEmptySubsequences: false)
        }
    }

    func fits(_ name: String) -> Bool {
        let own = name.split(separator: ".", omittingEmptySubsequences: false)
        guard own.count >= parts.count else { return false }
        return (0...own.count - parts.count).contains { first in
            zip(parts, own[first...]).allSatisfy(Self.fits)
        }
    }

    /// Whether a part consists of pieces with any text between them.
    private static func fits(_ pieces: [Substring], _ part: Substring) -> Bool {
        guard pieces.count > 1 else { return pieces.first == part }
        guard part.hasPrefix(pieces[0]), part.hasSuffix(pieces[pieces.count - 1]),
            part.count >= pieces[0].count + pieces[pieces.count - 1].count
        else { return false }
        var rest = part.dropFirst(pieces[0].count).dropLast(pieces[pieces.count - 1].count)
        for piece in pieces[1..<pieces.count - 1] where !piece.isEmpty {
            guard let found = rest.range(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}
