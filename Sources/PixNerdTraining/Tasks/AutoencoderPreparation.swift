import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// The requirements of training an autoencoder: images in any folders, and a network if the loss has a perceptual
/// part.
struct AutoencoderPreparation: TrainingPreparation {
    let configuration: Configuration
    var buckets: ImageBuckets { ImageBuckets(size: configuration.data.imageSize, of: pictures) }
    let decoding: PictureDecoding
    let holdout: Holdout
    let architecture: AutoencoderArchitecture
    /// The perceptual distance in the loss; nil for none.
    let perceptual: PerceptualDistance?
    let memory: MemoryEstimate

    /// Finds and checks the requirements of `configuration`.
    ///
    /// - Throws: `PixNerdError` if something is missing or does not fit.
    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        if let key = configuration.firstDenoiserKeyInUse {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but kind is autoencoder",
                advice: "remove it: only denoisers use it")
        }
        guard !configuration.autoencoder.weighsNothing else {
            throw PixNerdError(
                .mismatch, "autoencoder.perceptual_weight", found: "is set, but autoencoder.perceptual is empty",
                advice: "set autoencoder.perceptual to a VGG file, or remove the weight")
        }
        let pictures = try ImageCollection.pictures(below: configuration.data.root)
        decoding = try configuration.decoding(of: pictures)
        holdout = try Holdout(configuration, pictures, open: ImageCollection.pictures(below:))
        do {
            architecture = try configuration.autoencoder.architecture(channels: decoding.format.channelCount)
        } catch let error as PixNerdError {
            throw error.about("The section autoencoder:")
        }
        try configuration.checkShapes()
        if let problem = sizeProblem(configuration.data.squareSide, multiple: architecture.reduction) {
            throw PixNerdError(.invalidValue, "data.image_size", found: "\(problem)")
        }
        perceptual = try Self.perceptual(configuration)
        guard perceptual == nil || architecture.channels == 3 else {
            throw PixNerdError(
                .mismatch, "autoencoder.perceptual", found: "compares colours, and the images are \(decoding.format)",
                advice: "leave it empty")
        }
        let training = configuration.training
        var memory = MemoryEstimate(parameters: architecture.parameterCount, averages: training.emaDecay.count)
        memory.addTraining(
            of: architecture, batch: training.batchSize / training.accumulate, size: configuration.data.squareSide)
        if let perceptual {
            memory.add(
                perceptual, batch: training.batchSize / training.accumulate, size: configuration.data.squareSide)
        }
        self.memory = memory
    }

    private static func perceptual(_ configuration: Configuration) throws -> PerceptualDistance? {
        let (path, size) = (configuration.autoencoder.perceptual, configuration.data.squareSide)
        guard !path.isEmpty else { return nil }
        guard size >= PerceptualDistance.smallestSide else {
            throw PixNerdError(
                .invalidValue, "data.image_size",
                found: "is \(size), but the network of autoencoder.perceptual halves images four times",
                expected: "at least \(PerceptualDistance.smallestSide)",
                advice: "increase it, or leave autoencoder.perceptual empty")
        }
        do {
            return try PerceptualDistance(path: path)
        } catch let error as PixNerdError {
            throw error.about("autoencoder.perceptual:")
        }
    }

    var description: [(name: String, text: String)] {
        let size = configuration.data.squareSide
        let giga =
            (Double(architecture.encodingMultiplyAdds(height: size, width: size))
                + Double(architecture.decodingMultiplyAdds(height: size, width: size))) / 1e9
        var lines = [
            (
                "images",
                "\(pictures.samples.count), at \(size) x \(size)"
                    + (decoding.format == .rgb8 ? "" : ", \(decoding.format)")
            )
        ]
        if let text = holdout.description(configuration.training) { lines.append(("held out", text)) }
        lines.append(
            (
                "model",
                "an autoencoder of \(architecture.parameterCount) parameters, \(architecture.latentChannels) channels, "
                    + "f\(architecture.reduction), \(String(format: "%.3g", giga)) G multiply-adds per image"
            ))
        guard let perceptual else { return lines }
        let cost = 2 * Double(perceptual.multiplyAdds(height: size, width: size)) / 1e9
        return lines + [
            (
                "perceptual",
                "\(perceptual.text), \(String(format: "%.3g", cost)) G multiply-adds per image and reconstruction"
            )
        ]
    }

    func begin() throws -> any TrainingTask {
        try AutoencoderTask(self, Autoencoder(architecture, seed: configuration.seed))
    }

    func load(_ directory: String, _ origins: TrainingOrigins) throws -> any TrainingTask {
        let file = try SafetensorsFile(path: "\(directory)/\(AutoencoderTask.rawFile)")
        let found = try AutoencoderCheckpoint(path: directory).architecture
        guard found == architecture else {
            throw PixNerdError(
                .mismatch, "\(directory)", found: "holds an autoencoder of other sizes than the configuration",
                advice: "resume with the run's own autoencoder section, or choose another name for a new run")
        }
        try expectSame(perceptual: origins.perceptual, directory)
        return try AutoencoderTask(self, Autoencoder(architecture, loading: file))
    }

    /// Checks that a checkpoint was trained with the same perceptual loss.
    private func expectSame(perceptual recorded: String?, _ directory: String) throws {
        func mismatch(_ found: ErrorText, _ advice: ErrorText) -> PixNerdError {
            PixNerdError(
                .mismatch, "\(directory)", found: found, advice: advice + ", or choose another name for a new run")
        }
        switch (recorded, perceptual) {
        case (nil, nil): return
        case (nil, let own?):
            throw mismatch(
                "was trained without a perceptual loss, but the configuration has one (\(own.text))",
                "resume with autoencoder.perceptual empty")
        case (let recorded?, nil):
            throw mismatch(
                "was trained with a perceptual loss (weights \(recorded.prefix(8))), but autoencoder.perceptual is "
                    + "empty",
                "set autoencoder.perceptual to its file")
        case (let recorded?, let own?):
            guard recorded != own.fingerprint else { return }
            throw mismatch(
                "was trained with a perceptual loss of other weights (\(recorded.prefix(8))) than "
                    + "autoencoder.perceptual, \(own.text)", "set autoencoder.perceptual to its file")
        }
    }
}

extension PerceptualDistance {
    /// Network and file in words.
    fileprivate var text: String {
        "VGG16 with \(parameterCount) parameters, \(hasLinearWeights ? "LPIPS" : "equal") channel weights, from "
            + "\(path) (weights \(fingerprint.prefix(8)))"
    }
}

extension PixNerdError {
    /// The error with another subject in front of its own.
    func about(_ outer: ErrorText) -> PixNerdError {
        PixNerdError(
            kind, outer, found: subject.map { $0 + " " + found } ?? found, expected: expected, advice: advice)
    }
}
