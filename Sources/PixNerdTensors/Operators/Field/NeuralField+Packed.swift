import CPixNerdKernels

/// The forward pass of the field in bf16 with this package's own kernels. The normalized weights of a patch are packed
/// as they are rounded, and a few pixels at a time pass through a block within the L1 cache.
extension FieldLayout {
    /// Number of pixels that fills the register tiles of a packed matmul.
    private static let pixelsAtOnce = 48

    /// Evaluates the field for all patches.
    ///
    /// - Parameters:
    ///   - pixels: [M, Q, I].
    ///   - base: [Q, F], from `embeddedPositions`.
    ///   - generated: for each block, [M, 2 F F r].
    /// - Returns: the velocities, [M, Q, C].
    func evaluatePacked(
        _ pixels: Tensor, base: Tensor, generated: [UnsafePointer<BFloat16>], _ weights: NeuralFieldWeights
    ) -> Tensor {
        let out = Tensor(uninitialized: outputShape)
        parallelChunks(patches, of: 4) { patches in
            withWorkspace(PackedFieldPlan.workspace(self)) { workspace in
                let plan = PackedFieldPlan(self, workspace)
                for patch in patches {
                    embed(pixels, patch, base: base, weights, into: plan.state)
                    for (block, generated) in generated.enumerated() {
                        plan.pack(generated + patch * weightCount)
                        for pixel in stride(from: 0, to: self.pixels, by: Self.pixelsAtOnce) {
                            let count = min(Self.pixelsAtOnce, self.pixels - pixel)
                            plan.blockForward(norm: weights.norms[block], pixel: pixel, count: count)
                        }
                        OperatorProfile.count(multiplyAdds: 2 * self.pixels * matrixCount)
                    }
                    readOut(plan.state, plan.normalized, weights, into: out.storage.pointer + patch * outputCount)
                }
            }
        }
        return out
    }

    /// The scratch memory of the forward pass of a patch.
    private struct PackedFieldPlan {
        let field: FieldLayout
        let state: UnsafeMutablePointer<Float>
        let normalized: UnsafeMutablePointer<Float>
        private let hidden: UnsafeMutablePointer<Float>
        private let activated: UnsafeMutablePointer<Float>
        private let first: UnsafeMutablePointer<BFloat16>
        private let second: UnsafeMutablePointer<BFloat16>

        static func workspace(_ field: FieldLayout) -> Int {
            2 * field.stateCount + 2 * pixelsAtOnce * field.inner
                + (pn_bfloat16_packed_count(field.inner, field.width)
                    + pn_bfloat16_packed_count(field.width, field.inner))
                / 2
        }

        init(_ field: FieldLayout, _ workspace: UnsafeMutablePointer<Float>) {
            self.field = field
            state = workspace
            normalized = state + field.stateCount
            hidden = normalized + field.stateCount
            activated = hidden + pixelsAtOnce * field.inner
            let packed = UnsafeMutableRawPointer(activated + pixelsAtOnce * field.inner)
            first = packed.assumingMemoryBound(to: BFloat16.self)
            second = first + pn_bfloat16_packed_count(field.inner, field.width)
        }

        /// Packs both generated matrices, with columns normalized to unit length as the field asks for.
        func pack(_ generated: UnsafePointer<BFloat16>) {
            pn_bfloat16_pack_columns(field.width, field.inner, true, generated, first)
            pn_bfloat16_pack_columns(
                field.inner, field.width, field.normalizesSecond, generated + field.matrixCount, second)
        }

        /// Computes state += silu(norm(state) W1) W2 for some pixels.
        func blockForward(norm: Tensor, pixel: Int, count: Int) {
            let (width, inner) = (field.width, field.inner)
            let rows = state + pixel * width
            pn_rms_norm_forward(count, width, field.epsilon, rows, norm.pointer, normalized)
            product(normalized, count, columns: inner, inner: width, first, adds: false, into: hidden)
            pn_silu_forward(count * inner, hidden, activated)
            product(activated, count, columns: width, inner: inner, second, adds: true, into: rows)
        }

        /// Computes c = a packed, or adds it to c. Rounds a in place.
        private func product(
            _ a: UnsafeMutablePointer<Float>, _ rows: Int, columns: Int, inner: Int,
            _ packed: UnsafeMutablePointer<BFloat16>, adds: Bool, into c: UnsafeMutablePointer<Float>
        ) {
            pn_round_to_bfloat16(rows * inner, a, a)
            pn_bfloat16_packed_product(
                rows, columns, inner, 0, PackedWeight.panels(of: columns), a, inner, packed, nil, adds, c, columns)
        }
    }
}
