/// Convolution over the frames of clips and the pixels of each, as `torch.nn.functional.conv3d` (a cross-correlation), that
/// sees no frame ahead: all padding in time is zeros before the first frame, as many as the filter is longer than its step
/// (van den Oord et al., arXiv 1609.03499, section 2.1).
///
/// The frames of a clip are the images of a batch. Frames in a row then lie in memory as the channels of one image, so that
/// this is a convolution over images that overlap.
///
/// - Parameters:
///   - x: [B T, C, H, W], the T frames of each clip one after another.
///   - weight: [O, C, k, kh, kw].
///   - bias: [O], or nil.
///   - frames: T, a multiple of `timeStride`.
///   - timeStride: frames from one place of the filter to the next, at most k.
///   - padding: zeros around each frame.
///   - doublesTime: whether channel 2 c + s of frame t of the result becomes channel c of frame 2 t + s.
/// - Returns: [B T / timeStride, O, H', W'] with the height and width that `convolution` documents; with `doublesTime`
///   twice the frames of O / 2 channels.
public func causalConvolution(
    _ x: Tensor, weight: Tensor, bias: Tensor? = nil, frames: Int, timeStride: Int = 1,
    padding: ConvolutionPadding = .none, doublesTime: Bool = false
) -> Tensor {
    OperatorProfile.begin("causalConvolution")
    defer { OperatorProfile.end() }
    let plan = CausalConvolutionPlan(
        x: x, weight: weight, bias: bias, frames: frames, timeStride: timeStride, padding: padding,
        doublesTime: doublesTime)
    let out = Tensor(uninitialized: plan.outputShape)
    plan.convolve(x, weight: weight, bias: bias, into: out.storage.pointer)
    return Tape.record("causalConvolution", out, from: [x, weight] + (bias.map { [$0] } ?? [])) { upstream in
        weight.node?.accumulateFromZero { plan.addWeightGradient(x, upstream: upstream, into: $0) }
        bias?.node?.accumulateFromZero { plan.addBiasGradient(upstream: upstream, into: $0) }
        if let node = x.node { node.add(plan.inputGradient(upstream: upstream, weight: weight)) }
    }
}

/// The sizes of a causal convolution, and the convolutions over overlapping images that compute it.
private struct CausalConvolutionPlan {
    let clips: Int
    let frames: Int
    let outFrames: Int
    let timeStride: Int
    let channels: Int
    let outputs: Int
    /// Frames that the filter spans.
    let span: Int
    /// Elements of a filter in one frame.
    let taps: Int
    let doublesTime: Bool
    /// The convolution over one clip.
    let forward: ConvolutionPlan
    /// The convolution of the output gradient that gives the input gradient of one clip.
    let backward: ConvolutionPlan

    init(
        x: Tensor, weight: Tensor, bias: Tensor?, frames: Int, timeStride: Int, padding: ConvolutionPadding,
        doublesTime: Bool
    ) {
        precondition(
            x.shape.count == 4 && weight.shape.count == 5 && x.shape[1] == weight.shape[1]
                && bias?.shape ?? [weight.shape[0]] == [weight.shape[0]] && frames > 0 && x.shape[0] % frames == 0
                && (1...max(1, weight.shape[2])).contains(timeStride) && frames % timeStride == 0
                && (!doublesTime || weight.shape[0] % 2 == 0),
            "causalConvolution: x \(x.shape), weight \(weight.shape), bias \(String(describing: bias?.shape)), "
                + "\(frames) frames and the step \(timeStride) do not fit")
        (self.frames, self.timeStride, self.doublesTime) = (frames, timeStride, doublesTime)
        (clips, outFrames) = (x.shape[0] / frames, frames / timeStride)
        (outputs, channels, span) = (weight.shape[0], weight.shape[1], weight.shape[2])
        let kernel = (height: weight.shape[3], width: weight.shape[4])
        taps = kernel.height * kernel.width
        forward = ConvolutionPlan(
            batch: outFrames, inputs: span * channels, outputs: outputs, size: (x.shape[2], x.shape[3]), kernel: kernel,
            stride: 1, padding: padding, inputStride: timeStride * channels * x.shape[2] * x.shape[3])
        let (height, width) = (forward.walk.out_height, forward.walk.out_width)
        let (rows, columns) = (kernel.height - 1, kernel.width - 1)
        precondition(
            max(padding.top, padding.bottom) <= rows && max(padding.left, padding.right) <= columns,
            "causalConvolution: the padding \(padding) is larger than the reach of the filter")
        backward = ConvolutionPlan(
            batch: frames, inputs: span * outputs, outputs: channels, size: (height, width), kernel: kernel, stride: 1,
            padding: ConvolutionPadding(
                top: rows - padding.top, bottom: rows - padding.bottom, left: columns - padding.left,
                right: columns - padding.right), inputStride: outputs * height * width)
    }

    var outputShape: [Int] {
        let (times, share) = doublesTime ? (2, 2) : (1, 1)
        return [clips * outFrames * times, outputs / share, forward.walk.out_height, forward.walk.out_width]
    }

    /// Floats of a frame of x.
    private var frame: Int { channels * forward.inputPlane }
    /// Floats of all channels of a frame of the result.
    private var outFrame: Int { outputs * forward.outputPlane }
    /// Frames of zeros before a clip.
    private var lead: Int { span - timeStride }

    /// The place of a channel of the weights in the memory of the result, in which frames 2 t and 2 t + 1 are one.
    private func place(_ output: Int) -> Int {
        doublesTime ? output % 2 * (outputs / 2) + output / 2 : output
    }

    /// Computes the result of all clips.
    func convolve(_ x: Tensor, weight: Tensor, bias: Tensor?, into out: UnsafeMutablePointer<Float>) {
        let filters = arranged(weight)
        let placed = bias.map { bias in
            let tensor = Tensor(uninitialized: [outputs])
            for output in 0..<outputs { tensor.storage.pointer[place(output)] = bias.pointer[output] }
            return tensor
        }
        forEachClip(x) { clip, padded in
            forward.multiply(
                padded, weight: filters, as: Float.self, bias: placed?.pointer, into: out + clip * outFrames * outFrame)
        }
    }

    /// Calls `body` with the frames of each clip behind its frames of zeros.
    private func forEachClip(_ x: Tensor, _ body: (_ clip: Int, _ padded: UnsafePointer<Float>) -> Void) {
        guard lead > 0 else {
            for clip in 0..<clips { body(clip, x.pointer + clip * frames * frame) }
            return
        }
        let padded = Tensor(uninitialized: [(lead + frames) * frame])
        padded.storage.pointer.update(repeating: 0, count: lead * frame)
        for clip in 0..<clips {
            parallelFor(frames) { index in
                (padded.storage.pointer + (lead + index) * frame).update(
                    from: x.pointer + (clip * frames + index) * frame, count: frame)
            }
            body(clip, padded.pointer)
        }
    }

    /// The weights as those of images of k C channels, [O, k C kh kw], frames first.
    private func arranged(_ weight: Tensor) -> Tensor {
        let filters = Tensor(uninitialized: [outputs, span * channels * taps])
        parallelFor(outputs) { output in
            let target = filters.storage.pointer + place(output) * span * channels * taps
            for channel in 0..<channels {
                for time in 0..<span {
                    (target + (time * channels + channel) * taps).update(
                        from: weight.pointer + ((output * channels + channel) * span + time) * taps, count: taps)
                }
            }
        }
        return filters
    }

    func addWeightGradient(_ x: Tensor, upstream: Tensor, into gradient: UnsafeMutablePointer<Float>) {
        let sums = Tensor(uninitialized: [outputs, span * channels * taps])
        forEachClip(x) { clip, padded in
            forward.addWeightGradient(
                padded, upstream: upstream.pointer + clip * outFrames * outFrame, beta: clip == 0 ? 0 : 1,
                into: sums.storage.pointer)
        }
        parallelFor(outputs) { output in
            let source = sums.pointer + place(output) * span * channels * taps
            for channel in 0..<channels {
                for time in 0..<span {
                    let target = gradient + ((output * channels + channel) * span + time) * taps
                    let from = source + (time * channels + channel) * taps
                    for tap in 0..<taps { target[tap] += from[tap] }
                }
            }
        }
    }

    func addBiasGradient(upstream: Tensor, into gradient: UnsafeMutablePointer<Float>) {
        let sums = Tensor(zeros: [outputs])
        for clip in 0..<clips {
            forward.addBiasGradient(
                upstream: upstream.pointer + clip * outFrames * outFrame, into: sums.storage.pointer)
        }
        for output in 0..<outputs { gradient[output] += sums.pointer[place(output)] }
    }

    /// The gradient of x. Frame t sees the output gradients at the places from which the filter reaches it; with a step,
    /// there are frames of zeros between them.
    func inputGradient(upstream: Tensor, weight: Tensor) -> Tensor {
        let gradient = Tensor(uninitialized: [clips * frames, channels, forward.walk.height, forward.walk.width])
        // The filters turned by 180 degrees and backwards in time, [C, k O' kh kw].
        let filters = Tensor(uninitialized: [channels, span * outputs * taps])
        parallelFor(channels) { channel in
            for time in 0..<span {
                for output in 0..<outputs {
                    let from = weight.pointer + ((output * channels + channel) * span + span - 1 - time) * taps
                    let target =
                        filters.storage.pointer + ((channel * span + time) * outputs + place(output)) * taps
                    for tap in 0..<taps { target[tap] = from[taps - 1 - tap] }
                }
            }
        }
        let spread = Tensor(zeros: [(frames + span - 1) * outFrame])
        for clip in 0..<clips {
            for index in 0..<outFrames {
                // The first frame of `spread` is that of time 1 - timeStride.
                (spread.storage.pointer + (index * timeStride + timeStride - 1) * outFrame).update(
                    from: upstream.pointer + (clip * outFrames + index) * outFrame, count: outFrame)
            }
            backward.multiply(
                spread.pointer, weight: filters, as: Float.self, bias: nil,
                into: gradient.storage.pointer + clip * frames * frame)
        }
        return gradient
    }
}
