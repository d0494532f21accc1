/// Levenshtein distance: number of letters to change, remove or insert.
package func editDistance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a), Array(b))
    var row = Array(0...b.count)
    for i in 0..<a.count {
        var diagonal = row[0]
        row[0] = i + 1
        for j in 0..<b.count {
            let substituted = diagonal + (a[i] == b[j] ? 0 : 1)
            diagonal = row[j + 1]
            row[j + 1] = min(substituted, diagonal + 1, row[j] + 1)
        }
    }
    return row[b.count]
}

/// Names in a list, those first whose spelling is closest to a text if not all are written out.
///
/// - Parameter most: The number of names that are written out.
package func listed(_ names: [String], nearestTo text: String, most: Int = 12) -> String {
    guard names.count > most else { return listed(names, of: names.count) }
    // Long texts are no misspelt names, and would take long to compare.
    let asked = String(text.prefix(64)).lowercased()
    let ranked = names.enumerated().map { place, name in
        let name = name.lowercased()
        let distance = editDistance(asked, String(name.prefix(64)))
        return (distance: !asked.isEmpty && name.contains(asked) ? min(distance, 1) : distance, place: place)
    }.sorted { ($0.distance, $0.place) < ($1.distance, $1.place) }
    return listed(ranked.prefix(most).map { names[$0.place] }, of: names.count)
}
