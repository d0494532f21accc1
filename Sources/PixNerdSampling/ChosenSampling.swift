import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport

/// Defaults for sampling a run that were chosen after training, in `sampling.json` in its directory. They outrank what
/// its checkpoints record, and are used where the run itself is sampled, not a step or a file of it.
public struct ChosenSampling: Codable, Sendable, Equatable {
    /// An average of the weights whose length was chosen after training.
    public struct Average: Codable, Sendable, Equatable {
        /// Standard deviation of its profile, relative to the number of updates.
        public let length: Double
        /// The saved step that it is of. It is used while this is the run's newest.
        public let step: Int

        public init(length: Double, step: Int) { (self.length, self.step) = (length, step) }

        /// Path of the checkpoint that holds it.
        public func path(in run: RunDirectory) -> String {
            "\(run.averagesPath(step: step))/chosen-\(length).safetensors"
        }
    }

    /// The average to sample from; nil for the run's EMA.
    public var average: Average?
    public var sampler: Sampler?
    public var steps: Int?
    /// Scale of classifier-free guidance in each interval.
    public var guidance: [Float]?
    /// Bounds of the intervals in which guidance acts, one more than there are scales; nil if `guidance` is.
    public var guidanceInterval: [Float]?
    public var shift: Float?

    public init() {}

    public static func path(in run: RunDirectory) -> String { "\(run.path)/sampling.json" }

    /// Reads the defaults chosen for a run; nil if the path is no run, or none were chosen.
    ///
    /// - Throws: `PixNerdError` if the file cannot be read.
    public init?(run path: String) throws {
        let path = Self.path(in: RunDirectory(existing: path))
        guard isFolder(path) == false else { return nil }
        guard let json = FileManager.default.contents(atPath: path),
            let chosen = try? JSON.decoder(snakeCase: true).decode(ChosenSampling.self, from: json), chosen.isValid
        else {
            throw PixNerdError(
                .malformed, "\(path)", found: "cannot be read as settings of sampling",
                advice: "remove it, and the run is sampled as its checkpoints say")
        }
        self = chosen
    }

    private var isValid: Bool {
        if let average, !average.length.isFinite || average.step < 0 { return false }
        if let steps, !(1...1_000_000).contains(steps) { return false }
        if let shift, !(shift > 0 && shift.isFinite) { return false }
        guard let guidance, let times = guidanceInterval else { return guidance == nil && guidanceInterval == nil }
        return !guidance.isEmpty && guidance.count == times.count - 1 && guidance.allSatisfy(\.isFinite)
            && zip(times, times.dropFirst()).allSatisfy { $0 <= $1 }
    }

    /// Writes the defaults of a run.
    ///
    /// - Throws: `PixNerdError` naming the file.
    public func write(to run: RunDirectory) throws {
        guard isValid else {
            throw PixNerdError(.notFinite, "\(Self.path(in: run))", found: "would hold settings that are not valid")
        }
        let json = try JSON.encoder(isPretty: true, snakeCase: true).encode(self)
        try AtomicFile.write(json, to: Self.path(in: run))
    }

    /// Fills in the options that are nil, and takes the chosen average.
    ///
    /// - Parameter checkpoint: the newest step of the run; afterwards the average, if it is to be sampled from.
    /// - Returns: what was taken from here, as sentences.
    /// - Throws: `PixNerdError` if the average cannot be read.
    func apply(
        _ checkpoint: inout DenoiserCheckpoint, _ options: inout SamplingOptions, run path: String
    ) throws -> [String] {
        let run = RunDirectory(existing: path)
        var (taken, notices) = (complete(&options), [String]())
        if let average, options.weights == nil {
            if checkpoint.path == run.stepPath(average.step) {
                checkpoint = try DenoiserCheckpoint(path: average.path(in: run))
                taken.append("the average of length \(average.length)")
            } else {
                notices.append(
                    "the average that was chosen for \(path) is of step \(average.step), and the run has gone on, so "
                        + "its EMA is used; choose one again")
            }
        }
        guard !taken.isEmpty else { return notices }
        return ["chosen for \(path) in \(Self.path(in: run)): \(taken.joined(separator: ", "))"] + notices
    }

    /// - Returns: the options that were filled in, with their values.
    private func complete(_ options: inout SamplingOptions) -> [String] {
        var filled: [String] = []
        func fill<Value>(_ option: inout Value?, _ value: Value?, _ text: (Value) -> String) {
            guard option == nil, let value else { return }
            option = value
            filled.append(text(value))
        }
        // There is one scale for each interval.
        if let (scales, times) = both(options.guidance ?? guidance, options.guidanceInterval ?? guidanceInterval),
            scales.count == times.count - 1
        {
            fill(&options.guidance, guidance) { "guidance \($0.commaList)" }
            fill(&options.guidanceInterval, guidanceInterval) { "its interval \($0.commaList)" }
        }
        if options.sampler == nil {
            fill(&options.sampler, sampler) { "sampler \($0.name)" }
            fill(&options.steps, steps) { "\($0) steps" }
        }
        fill(&options.shift, shift.map(ShiftChoice.value)) { _ in "shift \(shift ?? 1)" }
        return filled
    }
}
