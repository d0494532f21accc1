import PixNerdDiffusion
import PixNerdSpaces
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
    public static func each(prompts: [Prompt], seeds: [UInt64]) -> [PictureRequest] {
        prompts.flatMap { prompt in seeds.map { PictureRequest(prompt, seed: $0) } }
    }

    /// The same number of pictures of each class, class by class, with seeds that count on from picture to picture, so
    /// that no two begin with the same noise.
    public static func perClass(_ count: Int, prompts: [Prompt], firstSeed: UInt64) -> [PictureRequest] {
        prompts.indices.flatMap { place in
            (0..<count).map { PictureRequest(prompts[place], seed: firstSeed &+ UInt64(place * count + $0)) }
        }
    }

    /// A number of pictures with seeds that count on; picture i is the same whatever the number.
    public static func count(
        _ count: Int, prompts: [Prompt], labels: LabelChoice, firstSeed: UInt64
    ) -> [PictureRequest] {
        (0..<count).map { index in
            let seed = firstSeed &+ UInt64(index)
            switch labels {
            case .balanced: return PictureRequest(prompts[index % prompts.count], seed: seed)
            case .random:
                var stream = RandomStream(seed: seed, purpose: .samplingLabels)
                return PictureRequest(prompts[stream.nextInteger(below: prompts.count)], seed: seed)
            }
        }
    }
}
