import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

extension VideoAutoencoderCheckpoint {
    /// Writes a directory in the layout of Open-Sora 1.2, with the factor of the image autoencoder's latents besides.
    ///
    /// - Parameters:
    ///   - spatial: the image autoencoder.
    ///   - configuration: its `config.json`.
    ///   - temporal: the temporal part.
    ///   - weights: the values of its parameters, fetched when they are written.
    ///   - metadata: entries of the file's metadata.
    /// - Throws: `PixNerdError` naming the path if writing fails.
    package static func write(
        _ spatial: Autoencoder, configuration: Data, _ temporal: TemporalAutoencoder, weights: [() -> Tensor],
        _ numbers: VideoNumbers, metadata: [String: String], to directory: String
    ) throws {
        func item(_ name: String, _ tensor: Tensor) -> SafetensorsWriter.Item {
            SafetensorsWriter.Item(name: name, shape: tensor.shape, tensor: { tensor })
        }
        func number(_ name: String, _ values: [Float]) -> SafetensorsWriter.Item {
            item(name, Tensor(values, shape: [1, values.count, 1, 1, 1]))
        }
        let parts =
            spatial.parameters.map { item(spatialPrefix + $0.name, $0.value) }
            + zip(temporal.parameters, weights).map { parameter, weight in
                SafetensorsWriter.Item(
                    name: temporalPrefix + parameter.name, shape: parameter.value.shape, tensor: weight)
            }
        try SafetensorsWriter.write(
            parts + [number(shiftName, numbers.channels.shift), number(scaleName, numbers.channels.scale)],
            metadata: metadata, to: "\(directory)/\(weightsFile)")
        let architecture = temporal.architecture
        let own = VideoConfiguration(
            kind: VideoConfiguration.kind, piece: numbers.piece, shift: numbers.channels.shift,
            scale: numbers.channels.scale, spatialFactor: numbers.spatialFactor,
            temporal: VideoConfiguration.Temporal(
                type: "VAE_Temporal", filters: architecture.filters, blocksPerLevel: architecture.blocksPerLevel,
                groups: architecture.groups, multipliers: architecture.multipliers,
                halvesTime: architecture.halvesTime))
        try AtomicFile.write(JSON.encoder(isPretty: true).encode(own), to: "\(directory)/config.json")
        let folder = "\(directory)/\(spatialFolder)"
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw PixNerdError(.system, "The folder \(folder)", found: "cannot be made: \(systemReason())")
        }
        try AtomicFile.write(configuration, to: "\(folder)/config.json")
    }
}
