import PixNerdCheckpoints
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// An average with a power profile that a run kept of one save.
struct AverageSnapshot {
    let file: SafetensorsFile
    /// Standard deviation of the profile, relative to the number of updates.
    let length: Double
    let profile: PowerProfile

    /// Metadata keys of the length, and of the number of updates that the average has followed.
    static let (lengthKey, updatesKey) = ("ema_length", "updates")

    /// - Throws: `PixNerdError` if the file cannot be read or holds no such average.
    init(path: String) throws {
        file = try SafetensorsFile(path: path)
        guard let length = file.metadata[Self.lengthKey].flatMap(Double.init), PowerProfile.lengths.contains(length),
            let updates = file.metadata[Self.updatesKey].flatMap({ Int($0) }),
            (1...TrainingRecord.mostSteps).contains(updates)
        else {
            throw PixNerdError(
                .malformed, "\(path):", found: "its metadata does not tell the length of an average and its updates",
                expected: "an average that a run with training.ema_lengths saved")
        }
        (self.length, profile) = (length, PowerProfile(length: length, updates: updates))
    }

    /// Checks that the file holds the tensors of another one.
    ///
    /// - Throws: `PixNerdError` naming the first tensor that differs.
    func expectSameModel(as other: AverageSnapshot) throws {
        let names = Set(file.names).union(other.file.names).sorted()
        guard let tensor = names.first(where: { file.shape(of: $0) != other.file.shape(of: $0) }) else { return }
        throw PixNerdError(
            .mismatch, "\(file.path)", found: "is of another model than \(other.file.path): \(tensor) differs",
            advice: "move it out of the run")
    }
}
