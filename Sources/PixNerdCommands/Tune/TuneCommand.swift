import ArgumentParser
import Foundation
import Logging
import PixNerdDiffusion
import PixNerdEvaluation
import PixNerdModels
import PixNerdSampling
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining
import PixNerdTuning

extension TuningMeasure: ExpressibleByArgument {}

struct TuneCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tune",
        abstract: "Finds the settings that a run is best sampled with.",
        discussion: """
            Tries lengths of the average of the weights, guidance and its interval, and samplers, by measuring images \
            from the same seeds: one setting after the other, first with few images for all of its values, then with \
            more images for the better half. The best settings are compared with the present ones on images from other \
            seeds. If they are better by more than chance, they become the run's defaults: pixnerd sample then takes \
            them where no option says otherwise.

              pixnerd tune checkpoints/shapes
              pixnerd tune checkpoints/mine --reference datasets/held-out --time 30m
              pixnerd tune checkpoints/mine --guidance 1,2,3 --steps 20,50 \\
                --measure fid --weights inception.pth

            Results are kept in tune.json in the run, and the same command goes on from there; tune.png shows the best \
            settings. Lengths need a run that was trained with training.ema_lengths.
            """)

    @Argument(help: "A run directory.")
    var path: String

    @Option(help: "Lengths of averages to try (default: the run's own and some longer ones).")
    var lengths: String?

    @Option(help: "Guidance scales to try (default: 1,1.5,2,2.5,3,4).")
    var guidance: String?

    @Option(
        help: """
            Times LOW,HIGH between which guidance acts, to try; can be repeated (default: 0,1 and 0.1,0.9 and \
            0.25,0.85).
            """)
    var interval: [String] = []

    @Option(help: "Samplers to try (default: euler,adams).")
    var sampler: String?

    @Option(help: "Numbers of steps to try besides the run's.")
    var steps: String?

    @Option(help: "Timestep shifts to try besides the run's.")
    var shift: String?

    @Option(help: "Folder, shards or .npz of real images, best held-out ones (default: the run's training images).")
    var reference: String?

    @Option(help: "swd (sliced Wasserstein), spectrum, fid or sfid; the last two need --weights (default: swd).")
    var measure: TuningMeasure?

    @OptionGroup var network: FeatureNetworkOptions

    @Option(help: "Images of the last round and of the final comparison.")
    var samples = 512

    @Option(help: "Time that it may take, such as 90s, 10m or 1h; one measurement may exceed it.")
    var time = "10m"

    @Option(help: "Seed of the first image.")
    var seed: UInt64 = 0

    @Option(help: "Images per batch.")
    var batch = 16

    @Option(
        help: """
            Matrix-multiply precision: fp32, bf16 (twice as fast and more; needs AVX-512 BF16) or int8 (faster with AMX, \
            less exact).
            """)
    var precision = Precision.fp32

    @Flag(help: "Leave the run's defaults as they are.")
    var dryRun = false

    @OptionGroup var threads: ThreadsOption

    func validate() throws {
        try expectOption("--samples", samples, in: 8...SizeLimits.images)
        try expectOption("--batch", batch, in: 1...SizeLimits.batch)
        _ = try settings()
    }

    func run() throws {
        threads.apply()
        try precision.check()
        let logger = makeLogger()
        logger.noteSlowProducts()
        try precision {
            let tuning = try Tuning(run: path, try settings(), program: PixNerdCommand.program, logger: logger)
            tuning.onProgress = ProgressBar.handler()
            do {
                let outcome = try tuning.run(isDry: dryRun, isCancelled: Interruption.watch())
                ProgressBar.breakLine()
                print(TuneReport(outcome, run: path, isDry: dryRun).text)
            } catch is CancellationError {
                ProgressBar.breakLine()
                let command = shellCommand(["pixnerd"] + CommandLine.arguments.dropFirst())
                print("Stopped: the results so far are in \(path)/tune.json. Go on with: \(command)")
                throw ExitCode(130)
            }
        }
    }

    private func settings() throws -> TuningSettings {
        var settings = TuningSettings()
        settings.lengths = try lengths.map { try Self.numbers("--lengths", $0, in: 0.001...0.28).map(\.double) }
        if let guidance { settings.guidance = try Self.numbers("--guidance", guidance, in: 0...1000).map(\.float) }
        if !interval.isEmpty {
            settings.intervals = try interval.map { text in
                let times = try Self.numbers("--interval", text, in: 0...1).map(\.float)
                guard times.count == 2, times[0] <= times[1] else {
                    throw ValidationError("--interval is '\(text)'; expected LOW,HIGH, such as 0.1,0.9.")
                }
                return (times[0], times[1])
            }
        }
        if let sampler {
            settings.samplers = try commaList(sampler).map { name in
                guard let known = SamplerName(rawValue: name) else {
                    let all = SamplerName.allCases.map(\.rawValue).joined(separator: ", ")
                    throw ValidationError("--sampler holds '\(name)'; expected some of \(all).")
                }
                return known.sampler(order: 2)
            }
        }
        if let steps {
            settings.steps = try Self.numbers("--steps", steps, in: 1...Double(SizeLimits.samplingSteps)).map {
                guard let whole = Int($0.text) else {
                    throw ValidationError("--steps holds '\($0.text)'; expected whole numbers.")
                }
                return whole
            }
        }
        if let shift { settings.shifts = try Self.numbers("--shift", shift, in: 1e-3...1e3).map(\.float) }
        (settings.reference, settings.weights, settings.network, settings.input) = (
            reference, network.weights, network.features, network.backend
        )
        if let measure { settings.measure = measure }
        guard network.weights == nil || settings.measure.needsFeatures else {
            throw ValidationError("--weights is for --measure fid or sfid; name one of them, or leave --weights out.")
        }
        (settings.images, settings.seed, settings.batch) = (samples, seed, batch)
        settings.seconds = try Self.seconds(time)
        return settings
    }

    /// A number of a list, as it was written.
    private struct Number {
        let text: String
        let double: Double
        var float: Float { Float(text) ?? Float(double) }
    }

    private static func numbers(_ option: String, _ text: String, in range: ClosedRange<Double>) throws -> [Number] {
        let entries = commaList(text)
        guard !entries.isEmpty else { throw ValidationError("\(option) is empty; expected numbers such as 1,2.") }
        return try entries.map { entry in
            guard let value = Double(entry), range.contains(value) else {
                throw ValidationError(
                    "\(option) holds '\(entry)'; expected numbers from \(range.lowerBound) to \(range.upperBound).")
            }
            return Number(text: entry, double: value)
        }
    }

    /// The seconds of a time such as 90s, 10m or 1h; a number alone is of seconds.
    private static func seconds(_ text: String) throws -> Double {
        let units = ["s": 1.0, "m": 60, "h": 3600]
        let unit = text.last.flatMap { units["\($0)"] }
        guard let number = Double(unit == nil ? text[...] : text.dropLast()),
            case let seconds = number * (unit ?? 1), seconds > 0, seconds <= 1e9
        else { throw ValidationError("--time is '\(text)'; expected a time such as 90s, 10m or 1h.") }
        return seconds
    }
}
