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

    /// The images on a way from one request to the next, with the first and the last of them.
    ///
    /// Between seeds the noise moves on a great circle, between classes or prompts the velocity is mixed, and between
    /// values of one class or prompt the values are.
    ///
    /// - Parameters:
    ///   - stops: The requests to pass, at least two.
    ///   - steps: Number of steps from one to the next.
    public static func way(through stops: [PictureRequest], steps: Int) -> [PictureRequest] {
        zip(stops, stops.dropFirst()).enumerated().flatMap { place, ends in
            let last = place == stops.count - 2 ? steps : steps - 1
            return (0...last).map { between(ends.0, ends.1, share: Float($0) / Float(steps)) }
        }
    }

    private static func between(_ one: PictureRequest, _ other: PictureRequest, share: Float) -> PictureRequest {
        var request = one
        var target = other.prompt
        if let values = values(between: one.prompt, other.prompt, share: Double(share)) {
            request.prompt = one.prompt.with(values: values)
            target = request.prompt
        }
        request.blend = PictureRequest.Blend(target, seed: other.seed, share: share)
        return request
    }

    /// The values between those of two prompts; nil if they differ in more, or one leaves open what the other gives.
    private static func values(between one: Prompt, _ other: Prompt, share: Double) -> [Double?]? {
        guard !one.values.isEmpty, one.values.count == other.values.count, one != other,
            one.with(values: []) == other.with(values: []),
            zip(one.values, other.values).allSatisfy({ ($0 == nil) == ($1 == nil) })
        else { return nil }
        return zip(one.values, other.values).map { one, other in
            one.flatMap { one in other.map { one + ($0 - one) * share } }
        }
    }

    /// Each request followed by variations of it, whose noise leans to that of other seeds.
    ///
    /// - Parameters:
    ///   - count: Number of variations; variation i leans to the request's seed + i.
    ///   - share: How far the noise leans, 0 to 1.
    public static func variations(of requests: [PictureRequest], count: Int, share: Float) -> [PictureRequest] {
        requests.flatMap { request in
            (0...count).map { number in
                var variation = request
                if number > 0 {
                    variation.blend = PictureRequest.Blend(
                        request.prompt, seed: request.seed &+ UInt64(number), share: share)
                }
                return variation
            }
        }
    }

    /// The parts of a list of requests that are ways of their own; nil if not all of them are parts of one.
    static func ways(in requests: [PictureRequest]) -> [Range<Int>]? {
        var ways: [Range<Int>] = []
        var start = 0
        for (place, request) in requests.enumerated() {
            guard let share = request.blend?.share else { return nil }
            if share == 1 {
                ways.append(start..<place + 1)
                start = place + 1
            }
        }
        return start == requests.count && !ways.isEmpty ? ways : nil
    }
}
