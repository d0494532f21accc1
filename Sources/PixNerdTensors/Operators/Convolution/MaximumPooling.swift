import CPixNerdKernels

/// Maximum over blocks of 2 x 2 pixels, as `torch.nn.functional.max_pool2d(x, 2)`. If several are equal, the first gets
/// the gradient.
///
/// - Parameter x: [B, C, H, W], with H and W at least 2.
/// - Returns: [B, C, H / 2, W / 2], rounded down.
public func halvedToMaximum(_ x: Tensor) -> Tensor {
    OperatorProfile.begin("halvedToMaximum")
    defer { OperatorProfile.end() }
    precondition(
        x.shape.count == 4 && min(x.shape[2], x.shape[3]) >= 2,
        "halvedToMaximum: x \(x.shape) is not [B, C, H, W] with H and W of at least 2")
    let (planes, height, width) = (x.shape[0] * x.shape[1], x.shape[2], x.shape[3])
    let (plane, halved) = (height * width, (height / 2) * (width / 2))
    let planesPerChunk = max(1, elementsPerChunk / plane)
    let out = Tensor(uninitialized: [x.shape[0], x.shape[1], height / 2, width / 2])
    parallelChunks(planes, of: planesPerChunk) { range in
        let first = range.lowerBound
        pn_max_pool_2x2_forward(
            range.count, height, width, x.pointer + first * plane, out.storage.pointer + first * halved)
    }
    return Tape.record("halvedToMaximum", out, from: [x]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        parallelChunks(planes, of: planesPerChunk) { range in
            let first = range.lowerBound
            pn_max_pool_2x2_backward(
                range.count, height, width, x.pointer + first * plane, upstream.pointer + first * halved,
                gradient.storage.pointer + first * plane)
        }
        x.node?.add(gradient)
    }
}
