import ArgumentParser
import PixNerdDiffusion
import PixNerdSampling
import PixNerdSpaces

/// The options of images between others.
struct BlendOptions: ParsableArguments {
    @Option(
        help: """
            Number of steps from each image to the next: between the seeds of each class or prompt, or with a single seed \
            between the classes or prompts. --out may then be a .gif or .apng file.
            """)
    var interpolate: Int?

    @Option(help: "Variations of each image, whose noise leans to that of the seeds that follow its own.")
    var variations: Int?

    @Option(help: "How far the noise of --variations leans, from 0 to 1 (default: 0.2).")
    var variationStrength: Float?

    /// Maximum number of steps and of variations.
    private static let most = 10_000

    func validate() throws {
        if let interpolate { try expectOption("--interpolate", interpolate, in: 2...Self.most) }
        if let variations { try expectOption("--variations", variations, in: 1...Self.most) }
        if interpolate != nil, variations != nil {
            throw ValidationError("--interpolate and --variations exclude each other; give only one of them.")
        }
        if let variationStrength {
            guard variations != nil else {
                throw ValidationError("--variation-strength is given without --variations; give both, or none.")
            }
            guard variationStrength > 0, variationStrength <= 1 else {
                throw ValidationError(
                    "--variation-strength is \(variationStrength); it must be greater than 0 and at most 1.")
            }
        }
    }

    /// Whether there are any images between others.
    var areGiven: Bool { interpolate != nil || variations != nil }

    /// The images that these options make of those that were asked for.
    func applied(to requests: [PictureRequest]) throws -> [PictureRequest] {
        if let variations {
            return RequestList.variations(of: requests, count: variations, share: variationStrength ?? 0.2)
        }
        guard let interpolate else { return requests }
        var order: [Prompt] = []
        var seeds: [Prompt: [PictureRequest]] = [:]
        for request in requests {
            if seeds[request.prompt] == nil { order.append(request.prompt) }
            seeds[request.prompt, default: []].append(request)
        }
        let ofEach = order.map { seeds[$0] ?? [] }
        let ways = ofEach.allSatisfy { $0.count == 1 } ? [requests] : ofEach
        guard ways.allSatisfy({ $0.count > 1 }) else {
            throw CommandError(
                "--interpolate goes from one image to the next, and only one is asked for; name several classes, prompts or "
                    + "--seeds.")
        }
        return ways.flatMap { RequestList.way(through: $0, steps: interpolate) }
    }
}
