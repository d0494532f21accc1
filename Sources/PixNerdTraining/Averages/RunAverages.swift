import Foundation
import PixNerdCheckpoints
import PixNerdOptimization
import PixNerdSupport
import PixNerdTensors

/// The averages that a run with `training.ema_lengths` kept up to a step, from which averages of other lengths are
/// computed (Karras et al., EDM2, arXiv 2312.02696, section 3.2).
public struct RunAverages {
    public let run: RunDirectory
    /// The step whose average is computed.
    public let step: Int
    /// Lengths that were kept, ascending.
    public let lengths: [Double]
    private let snapshots: [AverageSnapshot]
    private let updates: Int

    /// Number of kept averages.
    public var count: Int { snapshots.count }

    /// The shortest average that can be computed, relative to the shortest that was kept. Below it, averages would have
    /// to be subtracted from each other with ever larger weights.
    private static let shortest = 0.8
    /// Largest distance from the profile of the wanted average, relative to its norm.
    private static let largestError = 0.1

    /// Opens the averages of a run.
    ///
    /// - Parameters:
    ///   - path: the directory of the run.
    ///   - step: one of the steps of which averages were kept; nil for the last.
    /// - Throws: `PixNerdError` if the run keeps none, or if they cannot be read or do not fit each other.
    public init(run path: String, step: Int? = nil) throws {
        run = RunDirectory(existing: path)
        guard isFolder(path) == true else {
            throw PixNerdError(.notFound, found: "There is no run \(path)")
        }
        let steps = run.averagedSteps
        guard let last = steps.last else {
            throw PixNerdError(
                .notFound, "\(path)", found: "keeps no averages to choose a length from",
                expected: "a run that was trained with training.ema_lengths, such as [0.05, 0.1]")
        }
        guard steps.contains(step ?? last) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "keeps no averages of step \(step ?? last)",
                expected: "one of its steps, such as \(steps.suffix(8).map(String.init).joined(separator: ", "))")
        }
        let chosen = step ?? last
        self.step = chosen
        // Averages of later steps hold weights that this one must not know.
        snapshots = try steps.filter { $0 <= chosen }.flatMap(run.averages(step:)).map(AverageSnapshot.init)
        let newest = snapshots[snapshots.count - 1]
        updates = newest.profile.updates
        lengths = Set(snapshots.map(\.length)).sorted()
        for snapshot in snapshots {
            try snapshot.expectSameModel(as: newest)
            guard snapshot.profile.updates <= updates else {
                throw PixNerdError(
                    .mismatch, "\(snapshot.file.path)",
                    found: "has followed \(snapshot.profile.updates) updates, more than the \(updates) of "
                        + "\(newest.file.path)",
                    advice: "move the averages that are not of this run out of it")
            }
        }
    }

    /// Computes the weights of the kept averages in an average of another length.
    ///
    /// - Parameter length: standard deviation of the profile, relative to the number of updates.
    /// - Throws: `PixNerdError` if no such average can be computed from these.
    public func reconstruction(length: Double) throws -> ProfileReconstruction {
        guard PowerProfile.lengths.contains(length) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.averageLength)", found: "is \(length)",
                expected: "a length from \(PowerProfile.lengths.lowerBound) to \(PowerProfile.lengths.upperBound)")
        }
        let found = ProfileReconstruction(
            of: PowerProfile(length: length, updates: updates), from: snapshots.map(\.profile))
        guard length >= Self.shortest * lengths[0] else {
            let sum = String(format: "%.1f", found.magnification)
            throw PixNerdError(
                .invalidValue, "\(Setting.averageLength)",
                found: "is \(length), much shorter than any of the averages that \(run.path) keeps: their weights "
                    + "would have a sum of absolute values of \(sum), which magnifies their errors",
                expected: "at least \(String(format: "%g", Self.shortest * lengths[0]))",
                advice: "to choose shorter ones, train with a shorter length in training.ema_lengths")
        }
        guard found.error <= Self.largestError else {
            throw PixNerdError(
                .unsupported, "An average of length \(length)",
                found: "at step \(step) is not within reach of the \(counted(count, "average")) that \(run.path) "
                    + "keeps: its profile would be \(String(format: "%.0f", 100 * found.error)) % off",
                expected: "at most \(Int(100 * Self.largestError)) %",
                advice: "choose a length nearer to \(lengths.text), or save more often with training.save_every")
        }
        return found
    }

    /// Number of elements that are summed at a time.
    private static let part = 1 << 20

    /// Computes an average and writes it as a checkpoint with EMA weights, one tensor at a time.
    ///
    /// - Parameters:
    ///   - length: the length that `found` was computed for.
    ///   - progress: receives the fraction done, from 0 to 1, after each tensor.
    /// - Throws: `PixNerdError` naming the file.
    public func write(
        _ found: ProfileReconstruction, length: Double, to path: String, progress: (Double) -> Void = { _ in }
    ) throws {
        let used = zip(snapshots, found.weights).filter { $0.1 != 0 }
        for (snapshot, _) in used { try snapshot.file.checkFingerprint() }
        let model = snapshots[snapshots.count - 1].file
        var metadata = model.metadata
        metadata[AverageSnapshot.lengthKey] = length.text
        let shapes = model.names.map { model.shape(of: $0) ?? [] }
        let total = shapes.reduce(0) { $0 + $1.reduce(1, *) }
        var done = 0
        try withoutActuallyEscaping(progress) { progress in
            let items = zip(model.names, shapes).map { name, shape in
                SafetensorsWriter.Item(name: name, type: .float32, shape: shape) { write in
                    try Self.sum(used.map { ($0.file, $1) }, name, write)
                    done += shape.reduce(1, *)
                    progress(total == 0 ? 1 : Double(done) / Double(total))
                }
            }
            try SafetensorsWriter.write(items, metadata: metadata, to: path)
        }
    }

    /// Passes the weighted sum of a tensor of several files to `write`, summed in double precision.
    private static func sum(
        _ files: [(file: SafetensorsFile, weight: Double)], _ name: String,
        _ write: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let tensors = try files.map { try $0.file.elements(of: name) }
        defer { for (file, _) in files { file.releasePages() } }
        let count = tensors[0].count
        for start in stride(from: 0, to: count, by: part) {
            let size = min(part, count - start)
            var sums = [Double](repeating: 0, count: size)
            var values = [Float](repeating: 0, count: size)
            for (tensor, (_, weight)) in zip(tensors, files) {
                values.withUnsafeMutableBufferPointer { tensor.floats(from: start, into: $0) }
                for i in 0..<size { sums[i] += weight * Double(values[i]) }
            }
            for i in 0..<size { values[i] = Float(sums[i]) }
            try values.withUnsafeBytes(write)
        }
    }
}

extension Setting {
    /// The length of an average that is computed after training.
    public static let averageLength = Setting(rawValue: "length")
}
