import Logging
import PixNerdDiffusion
import PixNerdSupport
import PixNerdTraining

/// The values of each setting that a tuning tries, in the order in which settings are chosen.
struct TuningAxes {
    let all: [[TuningOption]]

    /// - Throws: `PixNerdError` if a value that was asked for is not possible.
    init(_ settings: TuningSettings, _ measurement: CandidateMeasurement, _ logger: Logger) throws {
        let before = measurement.before
        var axes: [[TuningOption]] = []
        func add(_ own: [TuningOption], _ others: [TuningOption]) { axes.append(own + others) }
        let lengths = try Self.lengths(settings, measurement, logger)
        add([.length(before.length), .length(nil)], lengths.map { .length($0) })
        if let told = measurement.toldScales {
            add(
                before.guidance.map { .guidance($0) },
                settings.guidance.filter(told.contains).map { .guidance($0) })
        } else if measurement.isGuided {
            // A list of scales is tried as it is, but has no single scale.
            let own = before.guidance.count == 1 ? before.guidance.map { TuningOption.guidance($0) } : []
            add(own, settings.guidance.map { .guidance($0) })
            let (low, high) = (before.times[0], before.times[before.times.count - 1])
            add([.interval(low, high)], settings.intervals.map { .interval($0.low, $0.high) })
        } else {
            logger.notice(
                before.sampler == .jumps
                    ? "guidance is not tried: the model jumps without it"
                    : "guidance is not tried: the model was trained with training.label_dropout 0 or 1")
        }
        if before.sampler != .jumps { add([.sampler(before.sampler)], settings.samplers.map { .sampler($0) }) }
        add([.shift(before.shift)], settings.shifts.map { .shift($0) })
        add([.steps(before.steps)], settings.steps.map { .steps($0) })
        all = axes.map { options in
            options.enumerated().filter { options.firstIndex(of: $0.element) == $0.offset }.map(\.element)
        }.filter { $0.count > 1 }
        guard !all.isEmpty else {
            throw PixNerdError(
                .invalidValue, "\(measurement.run.path)", found: "has nothing to tune: each setting has only one value",
                advice: "name more values to try")
        }
    }

    /// Lengths of averages to try.
    private static func lengths(
        _ settings: TuningSettings, _ measurement: CandidateMeasurement, _ logger: Logger
    ) throws -> [Double] {
        guard let averages = measurement.averages else {
            guard settings.lengths?.isEmpty ?? true else {
                throw PixNerdError(
                    .notFound, "\(measurement.run.path)",
                    found: "keeps no averages of its last step to choose a length from",
                    advice: "leave \(Setting.averageLengths) out, or train with training.ema_lengths")
            }
            logger.notice(
                "lengths of averages are not tried: the run keeps no averages to choose from (training.ema_lengths)")
            return []
        }
        if let asked = settings.lengths {
            for length in asked { _ = try averages.reconstruction(length: length) }
            return asked
        }
        // From the shortest on, each longer by half an octave, as far as they can be computed.
        let usual = (0..<6).map { averages.lengths[0] * [1, 1.4, 2, 2.8, 4, 5.6][$0] }
        return Set(usual.map { ($0 * 1000).rounded() / 1000 } + averages.lengths).sorted().filter {
            (try? averages.reconstruction(length: $0)) != nil
        }
    }
}

extension Setting {
    /// The lengths of averages that a tuning tries.
    public static let averageLengths = Setting(rawValue: "lengths")
}
