import PixNerdDiffusion
import PixNerdTensors

/// How the labels of many pictures are chosen.
public enum LabelChoice: String, Sendable, CaseIterable {
    /// Every class in turn, so that any number of first pictures has the classes in equal parts.
    case balanced
    /// Each at random, decided by the picture's seed.
    case random
}

/// What pictures are to be made.
public enum RequestList {
    /// A picture of each class for each seed, class by class, as the published code orders them.
    public static func each(classes: [Int], seeds: [UInt64]) -> [PictureRequest] {
        classes.flatMap { label in seeds.map { PictureRequest(label: label, seed: $0) } }
    }

    /// The same number of pictures of each class, class by class, with seeds that count on from picture to picture, so
    /// that no two begin with the same noise.
    public static func perClass(_ count: Int, classes: [Int], firstSeed: UInt64) -> [PictureRequest] {
        classes.indices.flatMap { place in
            (0..<count).map { PictureRequest(label: classes[place], seed: firstSeed &+ UInt64(place * count + $0)) }
        }
    }

    /// A number of pictures with seeds that count on; picture i is the same whatever the number.
    public static func count(
        _ count: Int, classes: [Int], labels: LabelChoice, firstSeed: UInt64
    ) -> [PictureRequest] {
        (0..<count).map { index in
            let seed = firstSeed &+ UInt64(index)
            switch labels {
            case .balanced: return PictureRequest(label: classes[index % classes.count], seed: seed)
            case .random:
                var stream = RandomStream(seed: seed, purpose: .samplingLabels)
                return PictureRequest(label: classes[stream.nextInteger(below: classes.count)], seed: seed)
            }
        }
    }
}
