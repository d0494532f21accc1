import Checkpoints
import Diffusion
import Foundation
import Images
import Models
import Tensors

/// What training an autoencoder needs: pictures, whatever folders they lie in, and a feature file where its loss has a
/// perceptual part.
struct AutoencoderPreparation: TrainingPreparation {
    let configuration: Configuration
    let pictures: ImageCollection
    let architecture: AutoencoderArchitecture
    let memory: MemoryEstimate

    /// - Throws: one sentence where something cannot be had or does not fit.
    init(_ configuration: Configuration) throws {
        self.configuration = configuration
        if let key = configuration.firstDenoiserKeyInUse {
            throw ConfigurationError("\(key) is set, but kind is autoencoder, which it is not for; leave it out.")
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
        let training = configuration.training
        var memory = MemoryEstimate(parameters: architecture.parameterCount, averages: training.emaDecay.count)
        memory.addTraining(
            of: architecture, batch: training.batchSize / training.accumulate, size: configuration.data.imageSize)
        self.memory = memory
    }

    var description: [(name: String, text: String)] {
        let size = configuration.data.imageSize
        let giga =
            Double(
                architecture.encodingMultiplyAdds(height: size, width: size)
                    + architecture.decodingMultiplyAdds(height: size, width: size)) / 1e9
        return [
            ("pictures", "\(pictures.samples.count), at \(size) x \(size)"),
            (
                "model",
                "an autoencoder of \(architecture.parameterCount) parameters, \(architecture.latentChannels) channels, "
                    + "f\(architecture.reduction), \(String(format: "%.3g", giga)) G multiply-adds a picture"
            ),
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
        return try AutoencoderTask(self, Autoencoder(architecture, loading: file))
    }
}
