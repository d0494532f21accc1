import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// What training an autoencoder needs: pictures, whatever folders they lie in, and a feature file where its loss has a
/// perceptual part.
struct AutoencoderPreparation: TrainingPreparation {
    let configuration: Configuration
    var loadedSize: Int { configuration.data.imageSize }
    let pictures: ImageCollection
    let architecture: AutoencoderArchitecture
    /// What pictures that come back are compared by besides, where the loss has that part.
    let perceptual: PerceptualDistance?
    let memory: MemoryEstimate

    /// - Throws: one sentence where something cannot be had or does not fit.
    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        if let key = configuration.firstDenoiserKeyInUse {
            throw ConfigurationError("\(key) is set, but kind is autoencoder, which it is not for; leave it out.")
        }
        guard !configuration.autoencoder.weighsNothing else {
            throw ConfigurationError(
                "autoencoder.perceptual_weight is set, but autoencoder.perceptual names no file whose distance it weighs; "
                    + "name one, or leave the weight out.")
        }
        pictures = try ImageCollection.pictures(below: configuration.data.root)
        do {
            architecture = try configuration.autoencoder.architecture()
        } catch let error as ArchitectureError {
            throw ConfigurationError("The section autoencoder cannot be built: \(error.description)")
        }
        if let problem = sizeProblem(configuration.data.imageSize, multiple: architecture.reduction) {
            throw ConfigurationError("data.image_size \(problem)")
        }
        perceptual = try Self.perceptual(configuration)
        let training = configuration.training
        var memory = MemoryEstimate(parameters: architecture.parameterCount, averages: training.emaDecay.count)
        memory.addTraining(
            of: architecture, batch: training.batchSize / training.accumulate, size: configuration.data.imageSize)
        if let perceptual {
            memory.add(
                perceptual, batch: training.batchSize / training.accumulate, size: configuration.data.imageSize)
        }
        self.memory = memory
    }

    private static func perceptual(_ configuration: Configuration) throws -> PerceptualDistance? {
        let (path, size) = (configuration.autoencoder.perceptual, configuration.data.imageSize)
        guard !path.isEmpty else { return nil }
        guard size >= PerceptualDistance.smallestSide else {
            throw ConfigurationError(
                "data.image_size is \(size), but the network of autoencoder.perceptual halves pictures four times; use at "
                    + "least \(PerceptualDistance.smallestSide), or leave autoencoder.perceptual empty.")
        }
        do {
            return try PerceptualDistance(path: path)
        } catch {
            throw ConfigurationError("autoencoder.perceptual cannot be used: \(error)")
        }
    }

    var description: [(name: String, text: String)] {
        let size = configuration.data.imageSize
        let giga =
            Double(
                architecture.encodingMultiplyAdds(height: size, width: size)
                    + architecture.decodingMultiplyAdds(height: size, width: size)) / 1e9
        let lines = [
            ("pictures", "\(pictures.samples.count), at \(size) x \(size)"),
            (
                "model",
                "an autoencoder of \(architecture.parameterCount) parameters, \(architecture.latentChannels) channels, "
                    + "f\(architecture.reduction), \(String(format: "%.3g", giga)) G multiply-adds a picture"
            ),
        ]
        guard let perceptual else { return lines }
        let cost = Double(2 * perceptual.multiplyAdds(height: size, width: size)) / 1e9
        return lines + [
            (
                "perceptual",
                "\(perceptual.text), \(String(format: "%.3g", cost)) G multiply-adds a picture and its return"
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
            throw TrainingError(
                "\(directory) holds an autoencoder of other sizes than the configuration asks for; resume with the run's "
                    + "own autoencoder section, or give the new run a name of its own.")
        }
        try expectSame(perceptual: origins.perceptual, directory)
        return try AutoencoderTask(self, Autoencoder(architecture, loading: file))
    }

    /// That a saved step was trained for the same loss.
    private func expectSame(perceptual recorded: String?, _ directory: String) throws {
        let rest = "or give the new run a name of its own."
        switch (recorded, perceptual) {
        case (nil, nil): return
        case (nil, let own?):
            throw TrainingError(
                "\(directory) was trained without a perceptual part, and the configuration asks for that of \(own.text); "
                    + "resume with autoencoder.perceptual empty, \(rest)")
        case (let recorded?, nil):
            throw TrainingError(
                "\(directory) was trained with a perceptual part (weights \(recorded.prefix(8))), and "
                    + "autoencoder.perceptual is empty; name its file, \(rest)")
        case (let recorded?, let own?):
            guard recorded != own.fingerprint else { return }
            throw TrainingError(
                "\(directory) was trained with a perceptual part of other weights (\(recorded.prefix(8))) than "
                    + "autoencoder.perceptual, \(own.text); name its file, \(rest)")
        }
    }
}

extension PerceptualDistance {
    /// Network and file, for a person.
    fileprivate var text: String {
        "VGG16 of \(parameterCount) parameters, channels by \(hasLinearWeights ? "LPIPS' weights" : "equal weights"), of "
            + "\(path) (weights \(fingerprint.prefix(8)))"
    }
}
