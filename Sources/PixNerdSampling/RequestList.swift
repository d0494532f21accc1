import PixNerdDiffusion
import PixNerdSpaces
import PixNerdTensors

/// A rule that assigns labels to a number of images.
public enum LabelChoice: String, Sendable, CaseIterable {
    /// Every class in turn, so that classes are equally frequent among the first images, however many.
    case balanced
    /// A random class for each image, drawn from its seed.
    case random
}

/// Lists of images to sample.
public enum RequestList {
    /// One image for each prompt and seed, prompt by prompt, in the order of the published code.
    public static func each(prompts: [Prompt], seeds: [UInt64]) -> [PictureRequest] {
        prompts.flatMap { prompt in seeds.map { PictureRequest(prompt, seed: $0) } }
    }

    /// A number of images for each prompt, prompt by prompt, with consecutive seeds, so that no two begin with the same
    /// noise.
    public static func perClass(_ count: Int, prompts: [Prompt], firstSeed: UInt64) -> [PictureRequest] {
        prompts.indices.flatMap { place in
            (0..<count).map { PictureRequest(prompts[place], seed: firstSeed &+ UInt64(place * count + $0)) }
        }
    }

    /// A number of images in all, with consecutive seeds; image i does not depend on the number.
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
