import Foundation
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Mean and standard deviation of latents, and the verdict on a scale.
@Suite struct LatentStatisticsTests {
    /// Normal latents [2, means.count, 48, 40], with a mean and standard deviation for each channel.
    private static func latents(means: [Float], deviations: [Float], seed: UInt64 = 5) -> Tensor {
        var latents = Tensor.normal([2, means.count, 48, 40]) {
            RandomStream(seed: seed, purpose: .test, index: $0)
        }
        latents.withUnsafeMutableBuffer { values in
            for i in values.indices {
                let channel = i / (48 * 40) % means.count
                values[i] = means[channel] + deviations[channel] * values[i]
            }
        }
        return latents
    }

    private static func statistics(_ latents: Tensor...) -> LatentStatistics {
        var statistics = LatentStatistics(channels: latents[0].shape[1])
        for latents in latents { statistics.add(latents) }
        return statistics
    }

    /// Statistics of latents with this standard deviation and mean over all channels.
    private static func statistics(deviation: Double, mean: Double = 0, channels: Int = 4) -> LatentStatistics {
        let (low, high) = (Float(mean - deviation), Float(mean + deviation))
        let values = (0..<channels * 8).map { $0 % 2 == 0 ? low : high }
        return statistics(Tensor(values, shape: [1, channels, 2, 4]))
    }

    private static let published = try! AutoencoderArchitecture(levelWidths: [128, 256, 512, 512])
    private static let sixteenChannels = try! AutoencoderArchitecture(
        latentChannels: 16, levelWidths: [128, 256, 512, 512], hasQuantConvolution: false,
        hasPostQuantConvolution: false)
    private static let small = try! AutoencoderArchitecture(levelWidths: [32, 64])

    @Test func agreesWithSumsOverAllNumbers() {
        let (means, deviations): ([Float], [Float]) = ([-3, 0, 900], [0.5, 2, 1e-2])
        let (a, b) = (
            Self.latents(means: means, deviations: deviations),
            Self.latents(means: means, deviations: deviations, seed: 6)
        )
        let found = Self.statistics(a, b)
        func expected(_ values: [Double]) -> (mean: Double, deviation: Double) {
            let mean = values.reduce(0, +) / Double(values.count)
            return (mean, (values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(values.count)).squareRoot())
        }
        // Rounding of a mean of 900 leaves 1e-13, a 1e-11th of a deviation of 0.01.
        func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= 1e-9 * abs(b) }
        let all = (a.values + b.values).map(Double.init)
        let total = expected(all)
        #expect(found.count == all.count && isClose(found.mean, total.mean))
        #expect(isClose(found.deviation, total.deviation) && isClose(found.factor, 1 / total.deviation))
        for channel in 0..<3 {
            let values = all.indices.filter { $0 / (48 * 40) % 3 == channel }.map { all[$0] }
            let one = expected(values)
            #expect(isClose(found.channelMeans[channel], one.mean))
            #expect(isClose(found.channelDeviations[channel], one.deviation))
        }
    }

    @Test func equalNumbersHaveNoDeviation() {
        let equal = Self.statistics(Tensor(repeating: 0.1, shape: [3, 2, 5, 7]))
        #expect(equal.deviation == 0 && abs(equal.mean - 0.1) < 1e-7)
        #expect(equal.channelDeviations == [0, 0])
        let nothing = LatentStatistics(channels: 2)
        #expect(nothing.count == 0 && nothing.mean.isNaN && nothing.deviation.isNaN && nothing.channelMeans[1].isNaN)
    }

    /// The verdict on latents of standard deviation `unscaled` to which a factor was applied `times` times.
    private func expectVerdict(
        _ finding: LatentScaleVerdict.Finding, unscaled: Double, factor: Float, times: Int = 1,
        _ architecture: AutoencoderArchitecture = published, naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let deviation = unscaled * pow(Double(factor), Double(times))
        let statistics = Self.statistics(deviation: deviation, channels: architecture.latentChannels)
        let verdict = statistics.verdict(scale: LatentScale(factor: factor), architecture: architecture)
        #expect(verdict.finding == finding, "\(verdict.text)", sourceLocation: sourceLocation)
        #expect(verdict.isNear == (finding == .near), sourceLocation: sourceLocation)
        #expect(
            verdict.factor.map { abs($0 * deviation / Double(factor) - 1) < 1e-6 } == true,
            sourceLocation: sourceLocation)
        expectSentence(
            verdict.text + ".", naming: needed + [String(format: "%.3g", deviation)], sourceLocation: sourceLocation)
    }

    @Test func theRightFactorIsNear() {
        expectVerdict(.near, unscaled: 1 / 0.18215, factor: 0.18215, naming: ["near 0 and 1"])
        // SDXL's latents by the statistics that Playground publishes of them.
        let latents = Self.latents(
            means: [-1.6574, 1.886, -1.383, 2.5155], deviations: [8.4927, 5.9022, 6.5498, 5.2299])
        let unscaled = Self.statistics(latents)
        #expect((6.7..<7.1).contains(unscaled.deviation) && unscaled.mean < 0.5)
        expectVerdict(.near, unscaled: unscaled.deviation, factor: 0.13025, naming: ["near 0 and 1"])
        expectVerdict(
            .factorOfAnother, unscaled: unscaled.deviation, factor: 0.18215,
            naming: ["Stable Diffusion 1 and 2", "that of SDXL (also PixArt-Sigma) is 0.13025"])
    }

    @Test func factorsOfOthersAreNamed() {
        expectVerdict(
            .factorOfAnother, unscaled: 1 / 0.18215, factor: 0.13025,
            naming: ["0.13025 is the factor of SDXL", "Stable Diffusion 1 and 2 (also ft-EMA and ft-MSE) is 0.18215"])
        expectVerdict(
            .factorOfAnother, unscaled: 1 / 0.3611, factor: 1.5305, Self.sixteenChannels,
            naming: ["1.5305 is the factor of Stable Diffusion 3", "FLUX.1 is 0.3611"])
        // diffusers' default, which stays where a configuration says nothing.
        expectVerdict(
            .factorOfAnother, unscaled: 2, factor: 0.18215, Self.small,
            naming: ["0.18215 is the factor of Stable Diffusion 1 and 2", "scaling_factor 0.5 would"])
    }

    @Test func doubleAndMissingScalingAreTold() {
        expectVerdict(.scaledTwice, unscaled: 1 / 0.18215, factor: 0.18215, times: 2, naming: ["scaled twice"])
        expectVerdict(.notScaled, unscaled: 1 / 0.18215, factor: 0.18215, times: 0, naming: ["not scaled"])
        expectVerdict(
            .scaledTwice, unscaled: 1.1 / 0.3611, factor: 0.3611, times: 2, Self.sixteenChannels,
            naming: ["scaled twice"])
        expectVerdict(.notScaled, unscaled: 1.9, factor: 0.5, times: 0, Self.small, naming: ["not scaled", "0.5"])
        expectVerdict(.wrongFactor, unscaled: 3, factor: 1, Self.small, naming: ["scaling_factor 0.3333"])
    }

    @Test func aWrongShiftIsTold() {
        let scale = LatentScale(factor: 0.5, shift: 0.25)
        let verdict = Self.statistics(deviation: 1, mean: -0.7).verdict(scale: scale, architecture: Self.small)
        #expect(verdict.finding == .wrongShift)
        expectSentence(verdict.text + ".", naming: ["-0.7", "shift_factor -1.15"])
        let channels = LatentScale(factor: 0.5, means: [0, 0, 0, 0], deviations: [1, 1, 1, 1])
        expectSentence(
            Self.statistics(deviation: 1, mean: -0.7).verdict(scale: channels, architecture: Self.small).text + ".",
            naming: ["latents_mean"])
    }

    @Test func latentsThatTellNothing() {
        for (values, needed) in [([Float](repeating: 2, count: 4), "2.0"), ([1, .nan, 3, 4], "not finite")] {
            let verdict = Self.statistics(Tensor(values, shape: [1, 1, 2, 2])).verdict(
                scale: LatentScale(factor: 1), architecture: Self.small)
            #expect(verdict.finding == .unusable && verdict.factor == nil)
            expectSentence(verdict.text + ".", naming: [needed])
        }
    }
}
