import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A request for images: one for each prompt and seed. What is nil takes the setting of the model's run.
struct SampleRequest: Codable, Sendable, Equatable {
    /// A model, `NAME`, `NAME@STEP`, and either with `:raw` or `:ema`.
    var model: String
    /// Classes by name or number, or texts.
    var prompts: [String]
    var seeds: [UInt64]
    /// `HEIGHTxWIDTH` in pixels, or one number for both.
    var size: String?
    var steps: Int?
    var sampler: String?
    /// Order of a multistep sampler.
    var order: Int?
    var guidance: Float?
    var guidanceLower: Float?
    var guidanceUpper: Float?
    var shift: Float?
    var route: String?
    var negativePrompt: String?
    /// Numbers that the model is told, such as `age=20`.
    var values: [String]?
    var precision: String?
    /// Whether the images predicted after each step are kept.
    var trajectory: Bool?
    /// Name in `InputStore` of the picture that the images begin with.
    var image: String?
    /// Name in `InputStore` of the mask of what is painted anew.
    var mask: String?
    /// What the mask shows: `white`, `black` or `transparent` where the picture is painted.
    var maskKind: String?
    /// How far the picture is changed, 0 to 1.
    var strength: Float?
    /// How often each step is taken again from fresh noise.
    var resample: Int?
    /// Name in `InputStore` of the picture that the model is shown.
    var control: String?
    /// What that picture is: `photograph`, which edges or the like are made of, or `picture`, taken as it is.
    var controlKind: String?
    /// What finds the edges of a photograph.
    var edges: String?
    /// A run with a ControlNet for the model; nil for the model's own.
    var controlNet: String?
    /// Factor on what a ControlNet adds.
    var controlStrength: Float?
    /// The first and last time at which it acts.
    var controlLower: Float?
    var controlUpper: Float?
    /// The seed that the noise of the first seed leans to; it counts on with the seeds.
    var variationSeed: UInt64?
    /// How far it leans, 0 to 1.
    var variationStrength: Float?

    init(model: String, prompts: [String], seeds: [UInt64]) {
        (self.model, self.prompts, self.seeds) = (model, prompts, seeds)
    }

    /// Limits of a request, which keep it from taking the machine for hours or all of its memory.
    static let mostImages = 64
    static let mostSteps = 1000
    static let largestSide = 2048
    /// Maximum product of images, pixels and steps.
    static let mostWork = 1 << 33

    /// Number of images.
    var count: Int { prompts.count * seeds.count }

    /// The options of the sampler.
    ///
    /// - Throws: `StudioFailure` that names a field which is not valid.
    func options() throws -> SamplingOptions {
        try checkCounts()
        var options = SamplingOptions()
        options.steps = try within("steps", steps, 1...Self.mostSteps)
        options.size = try size.map(Self.size)
        options.sampler = try namedSampler()
        options.route = try route.map { try Self.word("route", $0) } ?? .auto
        options.guidance = try guidance.map { [try Self.finite("guidance", $0)] }
        options.guidanceInterval = try Self.interval("guidance", guidanceLower, guidanceUpper)
        options.shift = try shift.map { shift in
            guard shift > 0, shift.isFinite else {
                throw StudioFailure.invalid("shift is \(shift); it must be greater than 0.", parameter: "shift")
            }
            return .value(shift)
        }
        options.negativePrompt = negativePrompt
        _ = try chosenPrecision()
        return options
    }

    /// The precision of matrix multiplications.
    func chosenPrecision() throws -> Precision {
        guard let precision else { return .fp32 }
        let chosen: Precision = try Self.word("precision", precision)
        try chosen.check()
        return chosen
    }

    private func checkCounts() throws {
        guard !prompts.isEmpty else { throw StudioFailure.invalid("prompts is empty.", parameter: "prompts") }
        guard !seeds.isEmpty else { throw StudioFailure.invalid("seeds is empty.", parameter: "seeds") }
        guard prompts.count <= Self.mostImages, seeds.count <= Self.mostImages, count <= Self.mostImages else {
            throw StudioFailure.invalid(
                "\(prompts.count) prompts with \(seeds.count) seeds are more than \(Self.mostImages) images; ask for "
                    + "fewer.", parameter: "seeds")
        }
        if let long = prompts.first(where: { $0.utf8.count > 10_000 }) {
            throw StudioFailure.invalid(
                "A prompt has \(long.utf8.count) bytes; at most 10000 are taken.", parameter: "prompts")
        }
    }

    /// Checks the product of images, pixels and steps.
    func checkWork(_ sampling: CheckpointSampling) throws {
        let pixels = sampling.size.canvasHeight * sampling.size.canvasWidth
        let work = count.multipliedReportingOverflow(by: pixels)
        let all = work.partialValue.multipliedReportingOverflow(
            by: sampling.settings.takenSteps * (1 + (resample ?? 0)))
        guard !work.overflow, !all.overflow, all.partialValue <= Self.mostWork else {
            throw StudioFailure.invalid(
                "\(count) images of \(sampling.size.height) x \(sampling.size.width) in \(sampling.settings.steps) "
                    + "steps are too much for one request; ask for fewer or smaller images, or fewer steps.",
                parameter: "size")
        }
    }

    private static func size(_ text: String) throws -> ImageSize {
        guard let size = ImageSize(text: text), size.height >= 1, size.width >= 1, size.height <= largestSide,
            size.width <= largestSide
        else {
            throw StudioFailure.invalid(
                "size is '\(text)'; expected HEIGHTxWIDTH in pixels, at most \(largestSide) a side.", parameter: "size")
        }
        return size
    }

    private func namedSampler() throws -> Sampler? {
        guard let sampler else {
            guard order == nil else {
                throw StudioFailure.invalid("order is given without sampler; give both.", parameter: "order")
            }
            return nil
        }
        let name: SamplerName = try Self.word("sampler", sampler)
        guard let order = try within("order", order ?? SamplerName.usualOrder, name.orders) else { return nil }
        return name.sampler(order: order)
    }

    /// Two times from 0 to 1, in order; nil if neither is given.
    static func interval(_ name: String, _ lower: Float?, _ upper: Float?) throws -> [Float]? {
        guard lower != nil || upper != nil else { return nil }
        let (lower, upper) = (lower ?? 0, upper ?? 1)
        guard lower >= 0, upper <= 1, lower <= upper else {
            throw StudioFailure.invalid(
                "\(name)_lower is \(lower) and \(name)_upper \(upper); expected times from 0 to 1, in order.",
                parameter: "\(name)_lower")
        }
        return [lower, upper]
    }

    func within(_ field: String, _ value: Int?, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value else { return nil }
        guard range.contains(value) else {
            throw StudioFailure.invalid(
                "\(field) is \(value); it must be from \(range.lowerBound) to \(range.upperBound).", parameter: field)
        }
        return value
    }

    private static func finite(_ field: String, _ value: Float) throws -> Float {
        guard value.isFinite, abs(value) <= 1000 else {
            throw StudioFailure.invalid("\(field) is \(value); it must be from -1000 to 1000.", parameter: field)
        }
        return value
    }

    static func word<Word: RawRepresentable & CaseIterable>(
        _ field: String, _ text: String
    ) throws -> Word where Word.RawValue == String {
        guard let word = Word(rawValue: text) else {
            throw StudioFailure.invalid(
                "\(field) is '\(text)'; expected one of \(Word.allCases.map(\.rawValue).joined(separator: ", ")).",
                parameter: field)
        }
        return word
    }
}
