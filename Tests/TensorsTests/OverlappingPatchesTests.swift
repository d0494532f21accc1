import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

@Suite struct OverlappingPatchesTests {
    private func image(_ shape: [Int]) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 5, purpose: .test, index: $0) }
    }

    private let margins = [(0, 0), (1, 0), (1, 2), (2, 3)]

    /// Patches that agree give the image that they were cut from: weights sum to 1, also at the edges.
    @Test func patchesOfAnImageGiveTheImage() {
        let image = image([2, 3, 2 * 4, 3 * 6])
        let grid = PatchGrid(shape: image.shape, rows: 2, columns: 3)
        for (rows, columns) in margins {
            let margin = PatchMargin(rows: rows, columns: columns)
            let cut = PatchPixels(ofPatch: 4, 6, margin: margin)(image)
            let pixels = PatchGrid(shape: cut.shape, rows: 2, columns: 3).pixels(cut)
            expectClose(blendedPatches(pixels, grid: grid, margin: margin), image)
        }
    }

    /// Two patches of constants, 0 and 1, with a margin of 2: a ramp over four pixels.
    @Test func neighborsAreBlendedLinearly() {
        let pixels = Tensor(
            [Float](repeating: 0, count: 8) + [Float](repeating: 1, count: 8), shape: [2, 8, 1])
        let grid = PatchGrid(shape: [1, 1, 1, 8], rows: 1, columns: 2)
        let blended = blendedPatches(pixels, grid: grid, margin: PatchMargin(rows: 0, columns: 2))
        expectClose(blended, Tensor([0, 0, 0.125, 0.375, 0.625, 0.875, 1, 1], shape: [1, 1, 1, 8]))
    }

    @Test func theBlendHasItsDerivative() {
        let grid = PatchGrid(shape: [2, 2, 2 * 4, 2 * 6], rows: 2, columns: 2)
        for (rows, columns) in margins {
            let margin = PatchMargin(rows: rows, columns: columns)
            let pixels = Parameter(name: "pixels", value: image([8, (4 + 2 * rows) * (6 + 2 * columns), 2]))
            expectDerivative([pixels]) { blendedPatches(pixels.tensor, grid: grid, margin: margin) }
        }
    }
}
