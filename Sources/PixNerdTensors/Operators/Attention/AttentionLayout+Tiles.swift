import CPixNerdKernels

/// Attention in bf16 over tiles: a kernel for each head of an image, forward and backward.
extension AttentionLayout {
    /// Whether the kernels over tiles take these tokens.
    func usesTiles<Element: ProductFactor>(_ attended: [AttendedTokens<Element>]) -> Bool {
        Element.self == BFloat16.self && TileProduct.isUsed
            && attended.dropLast().allSatisfy { $0.count % Int(TILE_BLOCK) == 0 }
    }

    /// Computes the results of all items; see `attend`.
    func attendOverTiles<Element: ProductFactor>(
        queries: (_ item: Int) -> Matrix<Element>, to attended: [AttendedTokens<Element>], logSums: Tensor
    ) -> Tensor {
        let out = PartlyRounded(
            shape: [batch, tokens, width], rounds: Precision.roundsResults(rows: batch * tokens, width: width))
        parallelFor(items) { item in
            withKernel(queries(item), attended.map { tokens($0, item: item) }) { kernel, scratch in
                OperatorProfile.count(multiplyAdds: 2 * tokens * keys * headWidth)
                let (place, rounds): (UnsafeMutableRawPointer, Bool) =
                    switch out {
                    case .float32(let tensor): (UnsafeMutableRawPointer(tensor.storage.pointer), false)
                    case .bfloat16(let storage, _): (UnsafeMutableRawPointer(storage.pointer), true)
                    }
                pn_tile_attention_forward(
                    kernel, place + outputOffset(item: item) * (rounds ? 2 : 4), rounds, width,
                    logSums.storage.pointer + item * tokens, scratch)
            }
        }
        return out.tensor
    }

    /// Computes the gradients of the queries, keys and values of an item; see `attentionBackward`.
    func attentionBackwardOverTiles<Element: ProductFactor>(
        item: Int, queries: Matrix<Element>, to attended: [AttendedTokens<Element>],
        logSums: UnsafePointer<Float>, upstream: Matrix<Element>, queryGradient: GradientRows,
        gradients: [AttendedGradient]
    ) {
        let attended = zip(attended, gradients).map { attended, target in
            var tokens = tokens(attended, item: item)
            (tokens.key_gradient, tokens.key_gradient_stride) = (target.keys.pointer, target.keys.stride)
            (tokens.value_gradient, tokens.value_gradient_stride) = (target.values.pointer, target.values.stride)
            return tokens
        }
        withKernel(queries, attended) { kernel, scratch in
            OperatorProfile.count(multiplyAdds: 5 * tokens * keys * headWidth)
            pn_tile_attention_backward(
                kernel, TileSource(left: upstream).kernel, logSums, queryGradient.pointer, queryGradient.stride, scratch
            )
        }
    }

    private func tokens<Element: ProductFactor>(_ attended: AttendedTokens<Element>, item: Int) -> pn_tile_attended {
        var tokens = pn_tile_attended()
        tokens.count = attended.count
        tokens.keys = TileSource(left: attended.keys(item)).kernel
        tokens.values = TileSource(left: attended.values(item)).kernel
        return tokens
    }

    /// Calls `body` with what the kernels take, and scratch memory for them.
    private func withKernel<Element: ProductFactor>(
        _ queries: Matrix<Element>, _ attended: [pn_tile_attended],
        _ body: (_ kernel: UnsafePointer<pn_tile_attention>, _ scratch: UnsafeMutablePointer<Float>) -> Void
    ) {
        attended.withUnsafeBufferPointer { attended in
            let kernel = pn_tile_attention(
                rows: tokens, width: headWidth, scale: scoreScale, queries: TileSource(left: queries).kernel,
                attended: attended.baseAddress, parts: attended.count)
            withUnsafePointer(to: kernel) { kernel in
                withWorkspace(pn_tile_attention_scratch(kernel)) { body(kernel, $0) }
            }
        }
    }
}
