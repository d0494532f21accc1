import PixNerdCheckpoints
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Averages with power profiles and their reconstruction, against the reference in float64.
@Suite struct PowerProfileTests {
    private let file: SafetensorsFile
    private static let kept = ["0.05", "0.1"]
    private static let steps = [40, 80, 120, 160, 200]

    init() throws { file = try SafetensorsFile(path: Fixtures.path("recipes/averages.safetensors")) }

    private func numbers(_ name: String) throws -> [Double] { try file.elements(of: name).doubles() }

    /// Profiles of the averages that are stored up to a step, and the averages, in the order of the reference.
    private func stored(until step: Int) throws -> (profiles: [PowerProfile], averages: [[Double]]) {
        var (profiles, averages): ([PowerProfile], [[Double]]) = ([], [])
        for (place, at) in Self.steps.enumerated() where at <= step {
            for length in Self.kept {
                let rows = try numbers("stored.\(length)")
                let width = rows.count / Self.steps.count
                profiles.append(PowerProfile(length: try #require(Double(length)), updates: at))
                averages.append(Array(rows[place * width..<(place + 1) * width]))
            }
        }
        return (profiles, averages)
    }

    private func distance(_ a: [Double], _ b: [Double]) -> Double {
        zip(a, b).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }.squareRoot()
    }

    @Test func exponentsBelongToLengths() throws {
        for (length, exponent) in zip(try numbers("sigmas"), try numbers("gammas")) {
            // Both are rounded to float32 in the file.
            let exact = (length * 1000).rounded() / 1000
            #expect(abs(PowerProfile.exponent(length: exact) - exponent) < 1e-7 * exponent)
        }
        for length in [PowerProfile.lengths.lowerBound, 0.01, PowerProfile.lengths.upperBound] {
            let g = PowerProfile.exponent(length: length)
            #expect(abs(((g + 1) / ((g + 2) * (g + 2) * (g + 3))).squareRoot() - length) < 1e-9 * length)
            #expect(g > 0)
        }
    }

    @Test(arguments: kept)
    func anAverageFollowsItsProfile(length: String) throws {
        let walk = try file.elements(of: "walk")
        let rows = walk.doubles().map(Float.init)
        let width = walk.shape[1]
        var average = Tensor([Float](repeating: 7, count: width), shape: [width])
        let expected = try numbers("stored.\(length)")
        for update in 1...walk.shape[0] {
            let weight = Tensor(Array(rows[(update - 1) * width..<update * width]), shape: [width])
            let decay = Float(PowerProfile.decay(length: try #require(Double(length)), update: update))
            follow(weight, decay: decay, average: &average)
            guard let place = Self.steps.firstIndex(of: update) else { continue }
            let there = expected[place * width..<(place + 1) * width].map(Float.init)
            #expect(relativeError(average.values, there) < 3e-6, "step \(update)")
        }
    }

    @Test(arguments: [160, 200], ["0.03", "0.05", "0.075", "0.1", "0.15", "0.2"])
    func weightsAndAverageAreThoseOfTheReference(step: Int, length: String) throws {
        let (profiles, averages) = try stored(until: step)
        let wanted = PowerProfile(length: try #require(Double(length)), updates: step)
        let found = ProfileReconstruction(of: wanted, from: profiles)
        let weights = try numbers("weights.\(step).\(length)")
        #expect(weights.count == found.weights.count)
        #expect(distance(found.weights, weights) < 1e-6 * distance(weights, weights.map { _ in 0 }))
        #expect(abs(found.weights.reduce(0, +) - 1) < 1e-12)
        let rebuilt = averages[0].indices.map { i in zip(found.weights, averages).reduce(0) { $0 + $1.0 * $1.1[i] } }
        let expected = try numbers("rebuilt.\(step).\(length)")
        #expect(distance(rebuilt, expected) < 1e-6 * distance(expected, expected.map { _ in 0 }))
        // The error of the profile says how far the average is from the one that would have been kept.
        let last = try numbers("walk").suffix(rebuilt.count)
        let tracked = try numbers("tracked.\(step).\(length)")
        #expect(distance(rebuilt, tracked) < (2 * found.error + 0.01) * distance(Array(last), tracked))
    }

    @Test func whatIsStoredIsFoundExactly() throws {
        let profiles = try stored(until: 200).profiles
        let found = ProfileReconstruction(of: profiles[9], from: profiles)
        #expect(found.error < 1e-6 && abs(found.magnification - 1) < 1e-6 && abs(found.weights[9] - 1) < 1e-6)
    }

    /// Two saves of nearly the same step, as after Ctrl-C, must not blow up the weights.
    @Test func nearlyEqualAveragesDoNoHarm() throws {
        var profiles = try stored(until: 200).profiles
        let wanted = PowerProfile(length: 0.15, updates: 200)
        let usual = ProfileReconstruction(of: wanted, from: profiles)
        profiles = profiles.flatMap { [$0, $0] }
        let doubled = ProfileReconstruction(of: wanted, from: profiles)
        #expect(abs(doubled.magnification - usual.magnification) < 1e-6 * usual.magnification)
        #expect(abs(doubled.error - usual.error) < 1e-6)
    }
}
