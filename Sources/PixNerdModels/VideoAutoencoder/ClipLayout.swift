import PixNerdTensors

extension Tensor {
    /// The frames of a clip of [B, C, T, H, W], as PyTorch has clips: [T, C, H, W], without a gradient.
    ///
    /// - Parameter index: the clip, less than B.
    public func framesOfClip(_ index: Int) -> Tensor {
        precondition(shape.count == 5 && index < shape[0], "framesOfClip: \(shape) has no clip \(index)")
        let (channels, frames) = (shape[1], shape[2])
        return exchanged(index * channels * frames, (channels, frames), [frames, channels] + shape[3...])
    }

    /// Frames [T, C, H, W] as a clip of PyTorch: [1, C, T, H, W], without a gradient.
    public var asClip: Tensor {
        precondition(shape.count == 4, "asClip: \(shape) is not [T, C, H, W]")
        return exchanged(0, (shape[0], shape[1]), [1, shape[1], shape[0]] + shape[2...])
    }

    /// A copy of planes from one on with their two outer axes exchanged.
    private func exchanged(_ first: Int, _ sides: (outer: Int, inner: Int), _ result: [Int]) -> Tensor {
        let plane = result.suffix(2).reduce(1, *)
        var out = Tensor(uninitialized: result)
        withUnsafeBuffer { source in
            out.withUnsafeMutableBuffer { target in
                for outer in 0..<sides.outer {
                    for inner in 0..<sides.inner {
                        (target.baseAddress! + (inner * sides.outer + outer) * plane).update(
                            from: source.baseAddress! + (first + outer * sides.inner + inner) * plane, count: plane)
                    }
                }
            }
        }
        return out
    }
}
