import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// A loaded checkpoint with size and sampler settings: everything that a `SamplingJob` needs except its requests.
public struct CheckpointSampling: Sendable {
    /// The path as given by the user.
    public let path: String
    /// The file of weights, or the directory of the step, found at `path`.
    public let checkpointPath: String
    public let loaded: LoadedDenoiser
    /// The file, or the directory of the step, of the model that guidance leads away from; nil for the model itself
    /// without a condition.
    public var guidePath: String? { guide?.path }
    public let size: PictureSize
    public let settings: SamplingSettings
    /// Messages about choices that were made for the user.
    public let notices: [String]
    /// Why image quality may suffer, such as a size that the model never saw, as one sentence; nil if nothing is known.
    public let warning: ErrorText?
    /// Why guidance or classes may mislead, as one sentence; nil if the model was trained for them or does not say.
    public let guidanceWarning: ErrorText?
    /// What the model is shown besides the noise; nil for nothing.
    public let shownKind: ShownKind?
    private let denoiser: any Denoiser
    private let guide: GuideChoice?
    private let edit: PictureEdit?
    private let shown: ShownInput?
    private let limits: FewStepLimits?
    private let space: any Space
    private let options: SamplingOptions
    private let weights: WeightKind
    private let weightsFile: String
    private let adapters: [AdapterUse]
    /// The file of another checkpoint's ControlNet; nil for none.
    private let controlFile: String?
    private let route: SizeRoute
    /// Whether no image was trained without its values.
    private let neverOpen: Bool
    /// Keeps a run that goes on from removing the step before `provenance` has read its file.
    private let reading: StepReading?

    /// Loads a checkpoint.
    ///
    /// - Parameter path: A run directory, a step in one, or a file of weights. For a run directory, options that are
    ///   nil take what was chosen for the run (`ChosenSampling`).
    /// - Throws: `PixNerdError` if model, autoencoder, size or settings are not valid or do not fit each other.
    public init(path: String, _ asked: SamplingOptions) throws {
        var (checkpoint, options) = (try DenoiserCheckpoint(path: path), asked)
        var notices: [String] = []
        if let chosen = try ChosenSampling(run: path) { notices += try chosen.apply(&checkpoint, &options, run: path) }
        checkpoint = try checkpoint.adapted(by: options.loras)
        notices += checkpoint.adapterRemarks
        weights = checkpoint.preferred(options.weights)
        if options.weights == nil, weights == .raw {
            notices.append(checkpoint.noEMANotice)
        }
        if let network = options.control.network { checkpoint = try checkpoint.controlled(by: network, weights) }
        var loaded = try checkpoint.load(
            weights, autoencoder: options.autoencoder, allowsOther: options.allowsOtherAutoencoder,
            text: { try TextEncoderUse(of: checkpoint, $0, options) })
        if let floor = options.floor {
            guard loaded.prediction.target == .picture else {
                throw PixNerdError(
                    .mismatch, "\(Setting.floor)",
                    found: "is for models that predict a picture, and \(path) predicts another target",
                    advice: "leave it out")
            }
            (loaded.prediction.floor, loaded.prediction.arrives) = (floor, false)
        }
        self.loaded = loaded
        let choice = try SizeChoice(loaded, checkpoint, options, name: path)
        (denoiser, size, route) = (choice.denoiser, choice.size, choice.route)
        if size.isCropped {
            notices.append(
                "\(size.height) x \(size.width) is not a multiple of \((denoiser.sizeMultiple * loaded.reduction).text): "
                    + "sampled at \(size.canvasHeight) x \(size.canvasWidth) and centre-cropped")
        }
        limits = FewStepLimits(loaded.architecture.numbers, largestScale: checkpoint.largestScale, name: path)
        if let limits { try limits.check(asked) } else { try FewStepLimits.checkOther(options, name: path) }
        var settings = try SamplingSettings(
            options, checkpoint.metadata, published: loaded.architecture.publishedSampling, size: size,
            choice: choice, limits: limits, name: path)
        edit = try options.edit.map { asked in
            try settings.beginWithPicture(asked)
            let source = try EditSource(asked, size: choice.size, format: loaded.format)
            if let notice = source.notice { notices.append(notice) }
            return source.edit
        }
        shown =
            try ShownInput(
                options.control, loaded, reads: try checkpoint.pictureInput, edit: edit, size: size, name: path)
            ?? ShownInput(options.control, loaded, control: checkpoint.controlRecord, size: size, name: path)
        notices += shown?.notices ?? []
        shownKind = try ShownKind(loaded.architecture, checkpoint)
        if shown == nil, loaded.architecture.controlBlocks > 0 {
            notices.append("no control picture is given, so images are sampled without the ControlNet")
        }
        self.settings = settings
        let conditions = TrainedConditions(checkpoint.metadata)
        // With one class and nothing else nobody expects any.
        let isConditioned =
            checkpoint.classNames?.count != 1 || checkpoint.takesSets || !loaded.conditioner.values.isEmpty
        let isGuided =
            isConditioned && checkpoint.metadata["guidance"].map { Float($0) != 1 } ?? true
        if options.guidance == nil, options.guide == nil, limits == nil, isGuided,
            let notice = conditions.notice(name: path)
        {
            notices.append(notice)
        }
        guidanceWarning = conditions.warning(
            settings.guidance, comparesWithNone: options.guide == nil && settings.guidance.rule != .told, name: path)
        let guided = GuidedModel(
            name: path, checkpoint: checkpoint, weights: weights, loaded: loaded, choice: choice, settings: settings)
        guide = try options.guide.map { try GuideChoice($0, for: guided) }
        let tiles = try Self.tiles(options, loaded, checkpoint.path)
        space = loaded.space(tiles: tiles)
        if let tiles, let tile = options.tile,
            tiles.isNeeded(
                height: size.canvasHeight / loaded.reduction, width: size.canvasWidth / loaded.reduction)
        {
            notices.append(
                "images are decoded in tiles of \(tile) pixels that overlap by \(tiles.overlap * loaded.reduction): "
                    + "they differ slightly from images decoded whole, and large areas may vary in tone between tiles")
        }
        neverOpen = conditions.lacksNone
        (self.path, self.options, self.notices, warning) = (path, options, notices, choice.warning)
        reading = checkpoint.reading
        (checkpointPath, weightsFile) = (checkpoint.path, checkpoint.file(of: weights))
        adapters = checkpoint.adapters
        controlFile = try options.control.network.map { network in
            let other = try DenoiserCheckpoint(path: network)
            return other.file(of: other.preferred(nil))
        }
    }

    /// The pictures that were made of photographs for the model to see; none if there are no photographs.
    public var madePictures: [ControlPicture] { shown?.made ?? [] }

    /// The guidance scales that a model may be told; nil for one that is not told, whose guidance compares velocities.
    package var toldScales: ClosedRange<Float>? { limits?.scales }

    /// The files of the LoRAs that were merged into the weights.
    public var adapterPaths: [String] { adapters.map(\.file.path) }

    /// All warnings, each as one sentence.
    public var warnings: [ErrorText] { [warning, guidanceWarning].compactMap { $0 } }

    /// What a user should know about values that prompts leave open, as a sentence without a full stop; nil if they leave
    /// none open.
    public func openValues(_ prompts: [Prompt]) -> ErrorText? {
        let open = loaded.conditioner.values.enumerated().filter { place, _ in
            prompts.contains { $0.values.isEmpty || $0.values[place] == nil }
        }.map(\.element.name)
        guard !open.isEmpty else { return nil }
        let (are, them) = open.count == 1 ? ("is", "it") : ("are", "them")
        return
            "\(open.joined(separator: " and ")) \(are) not given for all images by \(Setting.values); the others are made "
            + "without \(them)"
            + (neverOpen ? ", which the model, trained with training.label_dropout 0, has never seen" : "")
    }

    private static func tiles(
        _ options: SamplingOptions, _ loaded: LoadedDenoiser, _ path: String
    ) throws -> DecodingTiles? {
        guard let tile = options.tile else { return nil }
        guard loaded.autoencoder != nil else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "makes pixels, which need no decoding",
                advice: "leave \(Setting.tile) out")
        }
        if let problem = sizeProblem(tile, multiple: loaded.reduction) {
            throw PixNerdError(.invalidValue, "\(Setting.tile)", found: "\(problem)")
        }
        let side = tile / loaded.reduction
        return try DecodingTiles(side: side, overlap: side / 4)
    }

    /// The job that samples images.
    ///
    /// - Parameters:
    ///   - batch: Images per batch; nil for as many as the options say.
    ///   - settings: Other settings than those of the checkpoint and the options; nil for these.
    /// - Throws: `PixNerdError` if a noise file cannot be read or does not fit the requests, or if no machine of this size
    ///   could hold a batch.
    public func job(
        _ requests: [PictureRequest], batch: Int? = nil, settings: SamplingSettings? = nil
    ) throws -> SamplingJob {
        precondition(!options.control.isOnlyDescribed, "CheckpointSampling: a job of a model that is only described")
        let batch = batch ?? options.batch
        try expectMemory(batch: min(batch, requests.count))
        if case .file = options.noise, requests.contains(where: { $0.blend != nil }) {
            throw PixNerdError(
                .invalidValue, "\(Setting.initialNoise)",
                found: "gives the noise of images, which cannot be mixed by seeds",
                advice: "leave it out, or the mixing")
        }
        return SamplingJob(
            denoiser: denoiser, guide: guide?.denoiser, conditioner: loaded.conditioner, space: space, size: size,
            settings: settings ?? self.settings,
            requests: requests, batch: batch,
            noise: try options.noise.source(count: requests.count, shape: size.noiseShape(in: space)), edit: edit,
            pictures: shown?.pictures(ofRequests: requests.count))
    }

    /// Checks that the noise, the velocity and the images of a batch fit into the memory. The layers of the
    /// model take more, so what passes may still be too large.
    private func expectMemory(batch: Int) throws {
        let diffused = size.noiseShape(in: space).reduce(1.0) { $0 * Double($1) }
        let pixels = 3 * Double(size.height) * Double(size.width)
        let needed = Double(batch) * (4 * diffused + pixels) * Double(MemoryLayout<Float>.size)
        try AvailableMemory.expect(
            needed, for: "A batch of \(counted(batch, "image")) of \(size.height) x \(size.width)",
            advice: "sample fewer images in a batch, or smaller ones with \(Setting.size)")
    }

    /// Everything that determines the image of a prompt and a seed.
    ///
    /// - Throws: `PixNerdError` if a file cannot be read.
    public func provenance() throws -> SamplingProvenance {
        var provenance = try SamplingProvenance(
            file: weightsFile, guide: guide?.weightsFile, weights: weights, size: size, route: route,
            settings: settings, noise: options.noise,
            autoencoder: loaded.autoencoder?.identity, tile: options.tile, precision: Precision.current,
            batch: options.batch, text: loaded.conditioner as? TextConditioner)
        provenance.floor = options.floor
        if !adapters.isEmpty { provenance.adapters = adapters.map { "\($0.file.fingerprint) at \($0.strength)" } }
        if let edit = options.edit { try provenance.add(edit) }
        provenance.control = shown?.provenance
        provenance.control?.network = try controlFile.map { try Fingerprint.text(ofFile: $0) }
        return provenance
    }
}

extension NoiseChoice {
    /// The noise source, with the noise of a file read and checked.
    ///
    /// - Parameters:
    ///   - count: Number of images.
    ///   - shape: Shape of the noise of one image, [C, h, w].
    fileprivate func source(count: Int, shape: [Int]) throws -> NoiseSource {
        switch self {
        case .torch, .published: return .torch
        case .philox: return .philox
        case .file(let path):
            let file = try TensorFile.open(path: path)
            guard let name = file.names.first, file.names.count == 1 || file.names.contains("noise") else {
                throw PixNerdError(
                    .malformed, "\(path)", found: "holds \(file.names.count) tensors",
                    expected: "one, or one named noise")
            }
            let noise = try file.tensor(file.names.contains("noise") ? "noise" : name)
            let expected = [count] + shape
            guard noise.shape == expected else {
                throw PixNerdError(
                    .mismatch, "\(path)", found: "holds noise of shape \(noise.shape)",
                    expected: "\(expected) for these images")
            }
            guard noise.isFinite else {
                throw PixNerdError(.notFinite, "\(path)", found: "holds noise that is not finite")
            }
            return .given(noise)
        }
    }
}
