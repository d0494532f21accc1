import CPixNerdKernels

/// The field in bf16 over tiles: a kernel for each block of a patch, forward and backward.
extension FieldLayout {
    /// Whether the field runs over tiles. Its weights are then bf16.
    var usesTiles: Bool { precision == .bf16 && TileProduct.isUsed }

    /// Sizes as the kernels take them.
    var tiles: pn_tile_field {
        pn_tile_field(
            pixels: pixels, width: width, inner: inner, epsilon: epsilon, normalizes_second: normalizesSecond)
    }

    /// Evaluates the field for all patches.
    ///
    /// - Parameters:
    ///   - pixels: [M, Q, I].
    ///   - base: [Q, F], from `embeddedPositions`.
    ///   - generated: for each block, [M, 2 F F r].
    /// - Returns: the velocities, [M, Q, C].
    func evaluateTiles(
        _ pixels: Tensor, base: Tensor, generated: [UnsafePointer<BFloat16>], _ weights: NeuralFieldWeights
    ) -> Tensor {
        let out = Tensor(uninitialized: outputShape)
        parallelChunks(patches, of: 4) { patches in
            withWorkspace(2 * stateCount) { state in
                withTileScratch { kernel, scratch in
                    for patch in patches {
                        embed(pixels, patch, base: base, weights, into: state)
                        for (block, generated) in generated.enumerated() {
                            pn_tile_field_forward(
                                kernel, generated + patch * weightCount, weights.norms[block].pointer, state, scratch)
                            OperatorProfile.count(multiplyAdds: 2 * self.pixels * matrixCount)
                        }
                        readOut(
                            state, state + stateCount, weights, into: out.storage.pointer + patch * outputCount)
                    }
                }
            }
        }
        return out
    }

    /// Calls `body` with scratch memory for the kernels.
    func withTileScratch(
        _ body: (_ kernel: UnsafePointer<pn_tile_field>, _ scratch: UnsafeMutablePointer<Float>) -> Void
    ) {
        withUnsafePointer(to: tiles) { kernel in
            withWorkspace(pn_tile_field_scratch(kernel)) { body(kernel, $0) }
        }
    }
}
