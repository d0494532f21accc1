/// Images of a collection that are there more than once.
public struct DuplicateReport: Sendable, Codable, Equatable {
    /// Images that are equal or nearly so.
    public struct Group: Sendable, Codable, Equatable {
        /// Paths of the images, the first in the collection's order first.
        public let names: [String]
        /// Whether the files have the same bytes.
        public let isExact: Bool
        /// Whether the images are of several classes.
        public let mixesClasses: Bool
    }

    /// Number of images whose file is that of an earlier one, byte by byte.
    public let exact: Int
    /// Number of images that show nearly the same as an earlier one, judged by thumbnails of 8 x 8 pixels.
    public let near: Int
    /// Number of groups whose images are of several classes.
    public let mixedGroups: Int
    /// Groups, those of several classes first, at most 20.
    public let examples: [Group]

    private static let mostExamples = 20
    /// Number of images with a similar outline that an image is compared with, which bounds the time.
    private static let mostCompared = 500

    /// - Parameters:
    ///   - traces: what was kept of each image; nil for those that cannot be read.
    ///   - samples: the images, in the same order.
    init(_ traces: [ImageTrace?], _ samples: [ImageCollection.Sample]) {
        var firstOfFile: [UInt64: Int] = [:]
        var members: [Int: [Int]] = [:]
        var kept: [Int] = []
        for (place, trace) in traces.enumerated() {
            guard let trace else { continue }
            if let first = firstOfFile[trace.file] {
                members[first, default: [first]].append(place)
            } else {
                firstOfFile[trace.file] = place
                kept.append(place)
            }
        }
        let exactGroups = members.values.map { ($0, true) }
        exact = members.values.reduce(0) { $0 + $1.count - 1 }
        let near = Self.near(kept, traces)
        self.near = near.reduce(0) { $0 + $1.count - 1 }
        let groups = (exactGroups + near.map { ($0, false) }).map { places, isExact in
            (
                first: places[0],
                group: Group(
                    names: places.map { samples[$0].name }, isExact: isExact,
                    mixesClasses: Set(places.map { samples[$0].label }).count > 1)
            )
        }.sorted { ($0.group.mixesClasses ? 0 : 1, $0.first) < ($1.group.mixesClasses ? 0 : 1, $1.first) }.map(\.group)
        mixedGroups = groups.count(where: \.mixesClasses)
        examples = Array(groups.prefix(Self.mostExamples))
    }

    /// Groups of images that show nearly the same as the first of the group.
    private static func near(_ places: [Int], _ traces: [ImageTrace?]) -> [[Int]] {
        // Outlines that differ in at most three bits have one of four parts in common.
        var seen = [[UInt16: [Int]]](repeating: [:], count: 4)
        var members: [Int: [Int]] = [:]
        for place in places {
            guard let trace = traces[place] else { continue }
            let outline = trace.outline
            let parts = (0..<4).map { UInt16(truncatingIfNeeded: outline >> (16 * $0)) }
            var found: Int?
            for (part, value) in parts.enumerated() where found == nil {
                found = seen[part][value]?.suffix(mostCompared).first { other in
                    guard let earlier = traces[other] else { return false }
                    return (earlier.outline ^ outline).nonzeroBitCount <= 3 && earlier.isNear(trace)
                }
            }
            if let found {
                members[found, default: [found]].append(place)
            } else {
                for (part, value) in parts.enumerated() { seen[part][value, default: []].append(place) }
            }
        }
        return Array(members.values)
    }
}
