import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Caches a network's features in files, so that images that it has already seen are not processed again.
///
/// There is one file per batch, named after the pixels, the network and its weights. Features that cannot be read or
/// written are computed again, which takes time but changes no result.
struct KeptFeatures: FeatureExtractor {
    private let network: any FeatureExtractor
    private let directory: String

    init(of network: any FeatureExtractor, in directory: String) {
        (self.network, self.directory) = (network, directory)
    }

    var title: String { network.title }
    var fingerprint: String { network.fingerprint }
    var width: Int { network.width }
    var distanceTitles: (frechet: String, kernel: String) { network.distanceTitles }

    func callAsFunction(_ batch: PixelBatch) -> ExtractedFeatures {
        let path = path(of: batch)
        if let kept = try? read(path, count: batch.count) { return kept }
        let features = network(batch)
        let tensors = [("pool", features.pool), ("spatial", features.spatial), ("logits", features.logits)]
        try? FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try? SafetensorsWriter.write(
            tensors.compactMap { name, tensor in tensor.map { (name: name, tensor: $0) } }, to: path)
        return features
    }

    private func path(of batch: PixelBatch) -> String {
        var name = Fingerprint()
        name.add("\(title), \(fingerprint), \(batch.count) x \(batch.height) x \(batch.width)")
        batch.pixels.withUnsafeBytes { name.add($0) }
        return "\(directory)/\(name.text).safetensors"
    }

    private func read(_ path: String, count: Int) throws -> ExtractedFeatures? {
        let file = try SafetensorsFile(path: path)
        // Copied, so that the file need not stay mapped.
        func tensor(_ name: String) throws -> Tensor? {
            file.names.contains(name) ? try file.tensor(name).copied() : nil
        }
        guard let pool = try tensor("pool"), pool.shape == [count, width] else { return nil }
        return ExtractedFeatures(pool: pool, spatial: try tensor("spatial"), logits: try tensor("logits"))
    }
}
