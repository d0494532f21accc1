import PixNerdDiffusion

/// The rows of a batch's texts, each once: half of a guided batch has the same text.
struct DistinctRows {
    /// The U texts.
    let rows: [TextRows]
    /// For each of the B images the index of its text.
    let ofImage: [Int]

    init(_ texts: [TextRows]) {
        var (places, rows): ([ObjectIdentifier: Int], [TextRows]) = ([:], [])
        ofImage = texts.map { text in
            let identity = ObjectIdentifier(text)
            if let place = places[identity] { return place }
            places[identity] = rows.count
            rows.append(text)
            return rows.count - 1
        }
        self.rows = rows
    }
}
