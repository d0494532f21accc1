import Foundation
import PixNerdModels
import PixNerdOptimization
import PixNerdSupport

extension Configuration {
    /// Checks the keys of the optimizer against each other.
    ///
    /// - Throws: `PixNerdError` naming the key.
    func checkOptimizer() throws {
        if training.optimizer != .muon, training.muonMomentum != TrainingSection().muonMomentum {
            throw PixNerdError(
                .mismatch, "training.muon_momentum",
                found: "is set, but training.optimizer is \(training.optimizer.rawValue)",
                advice: "set training.optimizer to muon, or remove training.muon_momentum")
        }
        if training.optimizer == .muon, training.sharesOptimizer {
            throw PixNerdError(
                .mismatch, "training.shard_optimizer",
                found: "is true, but training.optimizer is muon, which needs whole matrices",
                advice: "remove one of them")
        }
    }
}

extension TrainableArchitecture {
    /// Number of weights in the matrices of the transformer blocks.
    var blockMatrixParameters: Int {
        blockMatrixSizes.reduce(CheckedInt(0)) { $0 + CheckedInt($1.rows) * CheckedInt($1.columns) }.clamped
    }

    /// What Muon trains, and its multiply-adds of a step beside those of the passes of a batch.
    ///
    /// - Parameter batchGiga: billions of multiply-adds of the forward passes of a batch. The backward passes take
    ///   twice as many.
    func muonDescription(batchGiga: Double) -> String {
        let sizes = blockMatrixSizes
        let giga = sizes.reduce(0) { $0 + Muon.multiplyAdds(rows: $1.rows, columns: $1.columns) } / 1e9
        let percent = 100 * giga / (3 * batchGiga)
        return "Muon for \(sizes.count) matrices of \(blockMatrixParameters) parameters, AdamW for the rest; "
            + "\(String(format: "%.3g", giga)) G more multiply-adds per step, \(String(format: percent < 10 ? "%.1f" : "%.0f", percent)) % "
            + "of those of its images"
    }
}
