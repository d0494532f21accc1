import Foundation
import PixNerdEvaluation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Measures of pixels against scikit-image, scipy and numpy.
@Suite struct PictureMeasureTests {
    @Test(arguments: [(32, 32), (17, 40)])
    func pairsAreMeasuredAsByScikitImage(height: Int, width: Int) throws {
        let (a, b) = (pictureBatch(3, height, width, kind: 1), pictureBatch(3, height, width, kind: 2))
        let (noise, similarity) = (PairMeasures.peakSignalToNoise(a, b), PairMeasures.structuralSimilarity(a, b))
        for i in 0..<3 {
            expectNear(
                noise[i], try expected("pairs.\(height)x\(width).psnr")[i], relative: 1e-12, because: "whole numbers")
            expectNear(
                similarity[i], try expected("pairs.\(height)x\(width).ssim")[i], relative: 1e-9,
                because: "float64; a difference of squares takes some digits")
        }
        #expect(PairMeasures.peakSignalToNoise(a, a).allSatisfy { $0 == .infinity })
        #expect(PairMeasures.structuralSimilarity(a, a).allSatisfy { abs($0 - 1) < 1e-12 })
    }

    @Test func pyramidIsThatOfThePaper() throws {
        let levels = laplacianLevels(pictureBatch(2, 64, 32, kind: 1), picture: 1)
        #expect(levels.count == 2)
        for (level, values) in levels.enumerated() {
            let expected = try tensor("pyramid.\(level)").values
            #expect(values.count == expected.count)
            // Stored in float32: half a unit in the last place of 200.
            for (a, e) in zip(values, expected) { #expect(abs(a - Double(e)) < 2e-5) }
        }
    }

    @Test func wassersteinDistancesAreThoseOfScipy() throws {
        func normalized(_ name: String, _ rows: Int) throws -> Tensor {
            SlicedWasserstein.normalized(Array(try tensor(name).values.prefix(rows * 147)))
        }
        let (a, b) = (try normalized("wasserstein.a", 64), try normalized("wasserstein.b", 64))
        let directions = try tensor("wasserstein.directions")
        let counts = try expected("wasserstein.counts").map { Int($0) }
        let (base, resampled) = SlicedWasserstein.distance(a, b, directions: directions, resamples: [counts])
        let reason = "projections in float32: 147 terms of 6e-8 each"
        expectNear(base, try expected("wasserstein.expected")[0], relative: 1e-5, because: reason)
        expectNear(resampled[0], try expected("wasserstein.resampled")[0], relative: 1e-5, because: reason)
        let uneven = SlicedWasserstein.distance(a, try normalized("wasserstein.b", 40), directions: directions)
        expectNear(uneven.base, try expected("wasserstein.uneven")[0], relative: 1e-5, because: reason)
        #expect(SlicedWasserstein.distance(a, a, directions: directions).base == 0)
    }

    @Test func wassersteinDistanceOfPicturesTellsThemApart() {
        func descriptors(_ kind: Int, seed: UInt64) -> SlicedWasserstein.Descriptors {
            var descriptors = SlicedWasserstein.Descriptors(height: 32, width: 32, expected: 40, seed: seed)
            let pictures = pictureBatch(40, 32, 32, kind: kind)
            descriptors.add(pictures)
            return descriptors
        }
        let smooth = descriptors(1, seed: 1)
        #expect(smooth.sizes.map(\.height) == [32, 16] && smooth.patchesPerPicture == 128 && smooth.pictures == 40)
        let other = SlicedWasserstein.distances(
            real: smooth, generated: descriptors(1, seed: 2), directions: 64, seed: 0)
        let noise = SlicedWasserstein.distances(
            real: smooth, generated: descriptors(0, seed: 2), directions: 64, seed: 0)
        for (same, different) in zip(other, noise) { #expect(different.value > 2 * same.value && same.value > 0) }
        // Batches do not matter.
        var parts = SlicedWasserstein.Descriptors(height: 32, width: 32, expected: 40, seed: 1)
        let pictures = pictureBatch(40, 32, 32, kind: 1)
        for (first, count) in [(0, 7), (7, 33)] {
            parts.add(
                PixelBatch(
                    count: count, height: 32, width: 32,
                    pixels: Array(pictures.pixels[first * 3072..<(first + count) * 3072])))
        }
        #expect(parts.levels == smooth.levels)
    }

    @Test(arguments: [(32, 32), (15, 24)])
    func spectrumIsThatOfNumpy(height: Int, width: Int) throws {
        let means = try [0, 1].map { kind in
            var spectrum = PowerSpectrum(height: height, width: width)
            spectrum.add(pictureBatch(3, height, width, kind: kind))
            let mean = spectrum.mean()
            let expected = try expected("spectrum.\(height)x\(width).\(kind)")
            #expect(mean.count == expected.count)
            for (a, e) in zip(mean, expected) { expectNear(a, e, relative: 1e-9, because: "float64 throughout") }
            return mean
        }
        expectNear(
            PowerSpectrum.distance(means[0], means[1]), try expected("spectrum.\(height)x\(width).distance")[0],
            relative: 1e-9, because: "float64 throughout")
        #expect(PowerSpectrum.distance(means[0], means[0]) == 0)
    }

    @Test(arguments: [1, 2])
    func seamsAreFoundWhereTheyAre(kind: Int) throws {
        var seam = PatchSeam(height: 48, width: 64)
        seam.add(pictureBatch(4, 48, 64, kind: kind))
        let values = try expected("seams.\(kind)")
        let reason = "energies are kept in float32"
        expectNear(seam.energyRatio(period: 8), values[0], relative: 1e-6, because: reason)
        expectNear(seam.index(patch: 8), values[1], relative: 1e-6, because: reason)
        let without = try expected("seams.1")[1]
        if kind == 2 { #expect(values[1] > without + 0.1) }
    }

    @Test func seamsOfOddSizesCannotBeTold() {
        #expect(PatchSeam.isMeasurable(patch: 8, height: 16, width: 64))
        #expect(!PatchSeam.isMeasurable(patch: 8, height: 15, width: 64))
        #expect(!PatchSeam.isMeasurable(patch: 1, height: 64, width: 64))
        var flat = PatchSeam(height: 32, width: 32)
        flat.add(PixelBatch(count: 1, height: 32, width: 32, pixels: [UInt8](repeating: 7, count: 3072)))
        #expect(flat.index(patch: 8) == 1)
    }
}
