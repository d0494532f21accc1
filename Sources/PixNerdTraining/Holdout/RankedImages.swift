import PixNerdImages
import PixNerdPrecompute
import PixNerdSupport

/// The images of a collection in a random order that is a pure function of a seed and their names, class by class.
struct RankedImages {
    /// Indices into the collection's `samples` by label, in the order of the ranks.
    let places: [[Int]]
    /// The rank of each image, by its index.
    private let ranks: [UInt64]

    init(_ collection: ImageCollection, seed: UInt64) {
        ranks = collection.samples.map { sample in
            var fingerprint = Fingerprint()
            fingerprint.add("held out \(seed)")
            fingerprint.add(collection.shortName(sample))
            return fingerprint.bits
        }
        var places = [[Int]](repeating: [], count: collection.classes.count)
        for (place, sample) in collection.samples.enumerated() { places[sample.label].append(place) }
        self.places = places.map { [ranks] in Self.sorted($0, ranks) }
    }

    /// Images with the same name keep their order.
    private static func sorted(_ places: [Int], _ ranks: [UInt64]) -> [Int] {
        places.sorted { (ranks[$0], $0) < (ranks[$1], $1) }
    }

    /// Indices in the order of the ranks.
    func sorted(_ places: [Int]) -> [Int] { Self.sorted(places, ranks) }

    /// The first images of each class, as many of it as its share of all images allows: the numbers are rounded so that
    /// they add up, and differ by less than 1 from the share.
    ///
    /// - Parameters:
    ///   - count: the number of images.
    ///   - spared: the number of images of each class that are never chosen.
    /// - Returns: indices in the order of the ranks; fewer than `count` if the classes do not have as many.
    func first(_ count: Int, sparing spared: Int = 0) -> [Int] {
        let total = places.reduce(0) { $0 + $1.count }
        let limits = places.map { max(0, $0.count - spared) }
        let shares = places.map { Double(count) * Double($0.count) / Double(max(total, 1)) }
        var numbers = zip(shares, limits).map { min(Int($0), $1) }
        var left = count - numbers.reduce(0, +)
        while left > 0 {
            let open = numbers.indices.filter { numbers[$0] < limits[$0] }
            guard !open.isEmpty else { break }
            // Of equal remainders, that of the class whose first image ranks first.
            let order = open.sorted { a, b in
                let (rest, other) = (shares[a] - Double(numbers[a]), shares[b] - Double(numbers[b]))
                return rest == other ? ranks[places[a][0]] < ranks[places[b][0]] : rest > other
            }
            for label in order.prefix(left) { numbers[label] += 1 }
            left = count - numbers.reduce(0, +)
        }
        return sorted(zip(places, numbers).flatMap { $0.prefix($1) })
    }
}

extension ImageCollection {
    /// The name of an image that does not depend on where the collection lies.
    func shortName(_ sample: Sample) -> String {
        guard let entry = sample.entry else { return String(nameBelowRoot(sample).drop { $0 == "/" }) }
        return "\(sample.path.split(separator: "/").last ?? "")/\(entry)"
    }
}
