import ArgumentParser
import Diffusion
import Foundation
import Images
import Layers
import Models
import Tensors
import Training

extension NoiseSource: ExpressibleByArgument {}

/// The samplers by the names of their options.
enum SamplerName: String, ExpressibleByArgument, CaseIterable {
    case euler
    case heun
    case heunExact = "heun-exact"
    case adams
    case sde

    func sampler(order: Int) -> Sampler {
        switch self {
        case .euler: .euler
        case .heun: .heun
        case .heunExact: .heunExact
        case .adams: .adams(order: order)
        case .sde: .stochastic
        }
    }
}

/// How a picture of another size than that of training is made.
enum SizeRoute: String, ExpressibleByArgument, CaseIterable {
    case grid
    case field
}

struct SampleCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sample",
        abstract: "Makes pictures from a trained model.",
        discussion: """
            One picture for each class and seed. The same class, seed, size and settings give the same picture whatever \
            else is made beside it.

              pixnerd sample checkpoints/shapes --out grid.png
              pixnerd sample checkpoints/shapes --classes ring,star --seeds 1,2,3 \\
                --size 48x64 --out pictures/
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var checkpoint: String

    @Option(help: "A .png file for a grid with a row for each class, or a folder for a file of each picture.")
    var out: String

    @Option(help: "Classes by name or number, with commas between; the first ten where not given.")
    var classes: String?

    @Option(help: "A picture of each class for each of these seeds, with commas between.")
    var seeds = "0,1,2,3"

    @Option(help: "HEIGHTxWIDTH in pixels, or one number for both; the size of training where not given.")
    var size: String?

    @Option(
        help: """
            How other sizes than that of training are made. grid: more or fewer patches. field: the patches of training, \
            each decoded at more or fewer pixels.
            """)
    var route = SizeRoute.grid

    @Option(help: "Evaluations of the model for each picture.")
    var steps = 100

    @Option(
        help: """
            euler; heun (one evaluation a step) or heun-exact (two); adams (see --order); sde (with noise in each step).
            """)
    var sampler = SamplerName.euler

    @Option(help: "Velocities that --sampler adams looks back on, 1 to 4.")
    var order = 2

    @Option(help: "Length of the last step, of the whole way from 0 to 1; one over --steps where not given.")
    var lastStep: Float?

    @Option(
        help: "torch begins with the noise that PyTorch draws from the seed on a CPU; philox with a stream of its own.")
    var noise = NoiseSource.torch

    @Option(help: "Strength of the guidance towards the class; 1 is none. The run's own, or 3.5, where not given.")
    var guidance: Float?

    @Option(
        help: """
            Guidance acts strictly between these times, LOW,HIGH; 0 is noise and 1 the picture. The run's own, or 0.1,1, \
            where not given.
            """)
    var guidanceInterval: String?

    @Option(
        help: """
            Spends more steps near noise where above 1, as large pictures need. The run's own, or 1, where not given.
            """)
    var shift: Float?

    @Option(help: "Pictures at once.")
    var batch = 16

    @Option(help: "ema or raw weights; ema where the checkpoint has them.")
    var weights: WeightKind?

    @Option(help: "Threads; all processors where not given.")
    var threads: Int?

    @Flag(help: "Write over files that are there.")
    var overwrite = false

    func validate() throws {
        guard (1...1_000_000).contains(steps) else {
            throw ValidationError("--steps is \(steps); it must be from 1 to 1000000.")
        }
        guard (1...4).contains(order) else { throw ValidationError("--order is \(order); it must be from 1 to 4.") }
        if let lastStep, !(lastStep > 0 && lastStep < 1) {
            throw ValidationError("--last-step is \(lastStep); it must be greater than 0 and less than 1.")
        }
        guard batch >= 1 else { throw ValidationError("--batch is \(batch); it must be at least 1.") }
        if let guidance, !guidance.isFinite {
            throw ValidationError("--guidance is \(guidance); a number is expected.")
        }
        if let shift, !(shift > 0 && shift.isFinite) {
            throw ValidationError("--shift is \(shift); it must be greater than 0.")
        }
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads); it must be at least 1.") }
    }

    func run() throws {
        if let threads { Threads.count = threads }
        let logger = makeLogger()
        let file = try PixNerdCheckpoint(path: checkpoint)
        let model = try file.load(file.chosen(weights, logger: logger))
        let space = PixelSpace()
        guard model.channels == space.channels else {
            throw CommandError(
                "\(file.path) makes pictures of \(model.channels) channels; "
                    + "pictures of \(space.channels) can be saved.")
        }
        let (denoiser, multiple) = try self.denoiser(model, trained: file.imageSize)
        let (height, width) = try pictureSize(multiple: multiple, trained: file.imageSize)
        guard (file.classNames?.count ?? 0) <= model.classes else {
            throw CommandError("\(file.path) names more classes than the \(model.classes) that its model has.")
        }
        let names = file.classNames ?? (0..<model.classes).map(String.init)
        let labels = try chosenClasses(names, count: model.classes)
        let requests = try labels.flatMap { label in
            try chosenSeeds().map { PictureRequest(label: label, seed: $0) }
        }
        let settings = try settings(file.metadata)
        let output = try SampleOutput(path: out, overwrite: overwrite, names: names, requests: requests)
        let batch = min(batch, requests.count)
        let batches = (requests.count + batch - 1) / batch
        let progress = Progress(total: batches * steps)
        var pictures: [RGBImage] = []
        try samplePictures(
            denoiser, in: space, requests, height: height, width: width, settings: settings, batchSize: batch,
            noise: noise,
            afterStep: { progress.show($0, "\(requests.count) pictures of \(height) x \(width)") },
            receive: { batch, first in
                pictures += batch
                try output.write(batch, first: first)
            })
        progress.finish()
        try output.finish(pictures)
        print("\(requests.count) pictures are in \(out).")
    }

    /// What was asked for, or else what the run of the checkpoint samples its previews with.
    private func settings(_ metadata: [String: String]) throws -> SamplingSettings {
        let guidanceInterval = guidanceInterval ?? metadata["guidance_interval"] ?? "0.1,1"
        func number(_ asked: Float?, _ name: String, _ usual: Float) -> Float {
            asked ?? metadata[name].flatMap { Float($0) } ?? usual
        }
        let bounds = guidanceInterval.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) ?? .nan }
        // Also false where one of them is not a number.
        guard bounds.count == 2, bounds[0] <= bounds[1] else {
            throw CommandError("--guidance-interval is '\(guidanceInterval)'; LOW,HIGH is expected, such as 0.1,1.")
        }
        let (guidance, shift) = (number(guidance, "guidance", 3.5), number(shift, "shift", 1))
        guard guidance.isFinite, shift > 0, shift.isFinite else {
            throw CommandError(
                "\(checkpoint) asks for a guidance of \(guidance) and a shift of \(shift); give --guidance and --shift."
            )
        }
        return SamplingSettings(
            sampler: sampler.sampler(order: order), steps: steps,
            guidance: Guidance(scale: guidance, lowerTime: bounds[0], upperTime: bounds[1]), shift: shift,
            lastStep: lastStep)
    }

    /// The model by the chosen route, and what sides of pictures must be multiples of.
    private func denoiser(_ model: PixNerd, trained: Int?) throws -> (any Denoiser, multiple: Int) {
        guard route == .field else { return (model, model.sizeMultiple) }
        guard let trained else {
            throw CommandError(
                "\(checkpoint) does not say what size it was trained at, which --route field decodes from; "
                    + "use --route grid.")
        }
        let field = FieldRoute(model, trainedSize: trained)
        return (field, field.sizeMultiple)
    }

    private func pictureSize(multiple: Int, trained: Int?) throws -> (height: Int, width: Int) {
        let origin = size == nil ? checkpoint : "--size"
        guard let size = size ?? trained.map(String.init) else {
            throw CommandError(
                "\(checkpoint) does not say what size it was trained at; give --size, such as --size 256.")
        }
        let sides = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(sides.count), let height = sides[0], let width = sides[sides.count - 1] else {
            throw CommandError("--size is '\(size)'; a number or HEIGHTxWIDTH is expected, such as 256 or 256x384.")
        }
        for (name, side) in [("height", height), ("width", width)] {
            if let problem = sizeProblem(side, multiple: multiple) {
                throw CommandError("\(origin): the \(name) \(problem)")
            }
        }
        guard height <= ImageFile.maximumPixels / width else {
            throw CommandError(
                "\(origin): a size of \(height) x \(width) is too large; "
                    + "pictures of at most \(ImageFile.maximumPixels) pixels are made.")
        }
        return (height, width)
    }

    private func chosenClasses(_ names: [String], count: Int) throws -> [Int] {
        guard let classes else { return Array(0..<min(10, count)) }
        return try classes.split(separator: ",").map { entry in
            let entry = entry.trimmingCharacters(in: .whitespaces)
            if let label = names.firstIndex(of: entry) { return label }
            guard let number = Int(entry) else {
                throw CommandError(
                    "--classes: there is no class '\(entry)'; "
                        + "the classes are \(Self.list(names)), or 0 to \(count - 1).")
            }
            guard (0..<count).contains(number) else {
                throw CommandError("--classes: \(number) is out of range; the model has classes 0 to \(count - 1).")
            }
            return number
        }
    }

    private static func list(_ names: [String]) -> String {
        names.prefix(12).joined(separator: ", ") + (names.count > 12 ? " and \(names.count - 12) more" : "")
    }

    private func chosenSeeds() throws -> [UInt64] {
        let list = seeds.split(separator: ",").map { UInt64($0.trimmingCharacters(in: .whitespaces)) }
        guard !list.isEmpty, !list.contains(nil) else {
            throw CommandError("--seeds is '\(seeds)'; whole numbers with commas between are expected, such as 1,2,3.")
        }
        return list.compactMap { $0 }
    }
}
