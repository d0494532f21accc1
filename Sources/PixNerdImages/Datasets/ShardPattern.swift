import PixNerdSupport

/// Expands paths with braces, as shells and WebDataset do: `train-{000..146}.tar`, `{a,b}.tar`, also multiple and
/// nested ones.
enum ShardPattern {
    /// A limit above the number of shards of any dataset.
    private static let largestCount = 1_000_000

    /// The paths that a pattern expands to, in order; the pattern itself if it has no braces.
    ///
    /// - Throws: `PixNerdError` if a brace is unbalanced or its contents are neither a range nor a list.
    static func paths(_ pattern: String) throws -> [String] {
        guard let open = pattern.firstIndex(of: "{") else {
            guard !pattern.contains("}") else { throw unbalanced(pattern) }
            return [pattern]
        }
        let before = pattern[..<open]
        guard !before.contains("}") else { throw unbalanced(pattern) }
        var depth = 0
        var pieces: [Substring] = []
        var start = pattern.index(after: open)
        var close: String.Index?
        for index in pattern[open...].indices {
            switch pattern[index] {
            case "{":
                depth += 1
            case "}":
                depth -= 1
                if depth == 0 { close = index }
            case "," where depth == 1:
                pieces.append(pattern[start..<index])
                start = pattern.index(after: index)
            default: break
            }
            if close != nil { break }
        }
        guard let close else { throw unbalanced(pattern) }
        pieces.append(pattern[start..<close])
        let choices =
            pieces.count > 1 ? try pieces.flatMap { try paths(String($0)) } : try range(pieces[0], of: pattern)
        let endings = try paths(String(pattern[pattern.index(after: close)...]))
        guard choices.count <= largestCount / endings.count else { throw tooMany(pattern) }
        return choices.flatMap { choice in endings.map { before + choice + $0 } }
    }

    /// The numbers of a range such as `007..110`, zero-padded if one of its ends is.
    private static func range(_ text: Substring, of pattern: String) throws -> [String] {
        let problem = PixNerdError(
            .invalidValue, "The shards \(pattern)", found: "have {\(text)} in their name",
            expected: "two numbers such as {000..099}, or a list such as {a,b}")
        guard let dots = text.firstRange(of: "..") else { throw problem }
        let (first, last) = (text[..<dots.lowerBound], text[dots.upperBound...])
        guard
            first.utf8.allSatisfy(isDigit), last.utf8.allSatisfy(isDigit), let from = Int(first), let to = Int(last),
            from <= to
        else { throw problem }
        guard to - from < largestCount else { throw tooMany(pattern) }
        let isPadded = first.hasPrefix("0") || last.hasPrefix("0")
        let width = isPadded ? max(first.count, last.count) : 0
        return (from...to).map { $0.zeroPadded(to: width) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }

    private static func unbalanced(_ pattern: String) -> PixNerdError {
        PixNerdError(
            .invalidValue, "The shards \(pattern)", found: "have an unbalanced brace",
            expected: "a name such as shards-{000..099}.tar")
    }

    private static func tooMany(_ pattern: String) -> PixNerdError {
        PixNerdError(
            .invalidValue, "The pattern \(pattern)", found: "stands for too many shards",
            expected: "at most \(largestCount)")
    }
}
