import CPixNerdKernels

/// Images of twice the height and width by nearest-neighbor interpolation, as
/// `torch.nn.functional.interpolate(scale_factor=2, mode="nearest")`.
///
/// - Parameter x: [B, C, H, W].
/// - Returns: [B, C, 2 H, 2 W].
public func doubledToNearest(_ x: Tensor) -> Tensor {
    OperatorProfile.begin("doubledToNearest")
    defer { OperatorProfile.end() }
    precondition(x.shape.count == 4, "doubledToNearest: x \(x.shape) is not [B, C, H, W]")
    let (planes, height, width) = (x.shape[0] * x.shape[1], x.shape[2], x.shape[3])
    let planesPerChunk = max(1, elementsPerChunk / (height * width))
    let out = Tensor(uninitialized: [x.shape[0], x.shape[1], 2 * height, 2 * width])
    parallelChunks(planes, of: planesPerChunk) { range in
        let at = range.lowerBound * height * width
        pn_upsample_forward(range.count, height, width, x.pointer + at, out.storage.pointer + 4 * at)
    }
    return Tape.record("doubledToNearest", out, from: [x]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        parallelChunks(planes, of: planesPerChunk) { range in
            let at = range.lowerBound * height * width
            pn_upsample_backward(range.count, height, width, upstream.pointer + 4 * at, gradient.storage.pointer + at)
        }
        x.node?.add(gradient)
    }
}
