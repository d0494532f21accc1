/// A trie over the bytes of pieces. The children of a node lie side by side, in the order of their bytes.
struct PieceTrie: Sendable {
    /// The byte that leads to each node; node 0 is the root.
    private var bytes: [UInt8] = [0]
    /// The first child of each node, and the end; the children of a node end where those of the next begin.
    private var firstChildren: [Int32] = []
    /// The id of the piece that ends at each node; -1 for none.
    private var ids: [Int32] = [-1]

    /// - Parameter pieces: texts that are not empty, all different, in ascending order, and their ids.
    init(_ pieces: [(text: ArraySlice<UInt8>, id: Int)]) {
        // The pieces that begin with the text of each node.
        var ranges = [0..<pieces.count]
        var depths = [0]
        var node = 0
        while node < ranges.count {
            firstChildren.append(Int32(ranges.count))
            let (range, depth) = (ranges[node], depths[node])
            var start = range.lowerBound
            // The shortest one, which is the node's own text, is first.
            if depth > 0, start < range.upperBound, pieces[start].text.count == depth {
                ids[node] = Int32(pieces[start].id)
                start += 1
            }
            while start < range.upperBound {
                let byte = Self.byte(pieces[start].text, depth)
                var end = start + 1
                while end < range.upperBound, Self.byte(pieces[end].text, depth) == byte { end += 1 }
                bytes.append(byte)
                ids.append(-1)
                ranges.append(start..<end)
                depths.append(depth + 1)
                start = end
            }
            node += 1
        }
        firstChildren.append(Int32(ranges.count))
    }

    private static func byte(_ text: ArraySlice<UInt8>, _ place: Int) -> UInt8 { text[text.startIndex + place] }

    /// Calls `body` with the length and the id of each piece that a text has at a place, the shortest first.
    func forEachPiece(of text: UnsafeBufferPointer<UInt8>, at start: Int, _ body: (_ count: Int, _ id: Int) -> Void) {
        var node = 0
        for place in start..<text.count {
            guard let next = child(of: node, text[place]) else { return }
            node = next
            if ids[node] >= 0 { body(place + 1 - start, Int(ids[node])) }
        }
    }

    private func child(of node: Int, _ byte: UInt8) -> Int? {
        var (low, high) = (Int(firstChildren[node]), Int(firstChildren[node + 1]))
        while low < high {
            let middle = (low + high) / 2
            if bytes[middle] < byte { low = middle + 1 } else { high = middle }
        }
        return low < Int(firstChildren[node + 1]) && bytes[low] == byte ? low : nil
    }
}
