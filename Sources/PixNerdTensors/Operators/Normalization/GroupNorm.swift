import CPixNerdKernels

/// GroupNorm over the channels of images or of clips, optionally followed by SiLU, in one pass over memory (Wu and He, arXiv
/// 1803.08494).
///
/// - Parameters:
///   - x: [B, C, H, W]; of clips [B T, C, H, W], the frames of each one after another.
///   - weight: [C].
///   - bias: [C].
///   - groups: number of groups of adjacent channels that share mean and variance. It divides C.
///   - silu: whether to return y sigmoid(y) of the normalized y.
///   - frames: images in a row that share mean and variance, T for clips. It divides the number of images.
/// - Returns: the shape of x.
public func groupNorm(
    _ x: Tensor, weight: Tensor, bias: Tensor, groups: Int, silu: Bool = false, epsilon: Double = 1e-6, frames: Int = 1
) -> Tensor {
    OperatorProfile.begin("groupNorm")
    defer { OperatorProfile.end() }
    let layout = GroupLayout(x: x, groups: groups, frames: frames)
    precondition(
        weight.shape == [layout.channels] && bias.shape == [layout.channels],
        "groupNorm: weight \(weight.shape) and bias \(bias.shape) do not fit x \(x.shape)")
    let out = Tensor(uninitialized: x.shape)
    // Mean and reciprocal standard deviation of each group of each image or clip.
    let statistics = Tensor(uninitialized: [layout.batch * groups, 2])
    parallelFor(layout.batch * groups) { index in
        let (mean, reciprocal) = layout.statistics(of: index, x.pointer, epsilon: epsilon)
        statistics.storage.pointer[2 * index] = Float(mean)
        statistics.storage.pointer[2 * index + 1] = Float(reciprocal)
        layout.forEachPlane(of: index) { channel, at in
            let scale = Float(reciprocal) * weight.pointer[channel]
            let shift = bias.pointer[channel] - Float(mean) * scale
            if silu {
                pn_affine_silu_forward(layout.plane, scale, shift, x.pointer + at, out.storage.pointer + at)
            } else {
                pn_affine_forward(layout.plane, scale, shift, x.pointer + at, out.storage.pointer + at)
            }
        }
    }
    return Tape.record("groupNorm", out, from: [x, weight, bias]) { upstream in
        let gradient = Tensor(uninitialized: x.shape)
        // Sums of the upstream gradient, and of the upstream gradient times the normalized x, for each channel of each
        // image or clip.
        let sums = Tensor(uninitialized: [layout.batch, 2, layout.channels])
        parallelFor(layout.batch * groups) { index in
            layout.backward(
                of: index, x: x.pointer, weight: weight.pointer, bias: bias.pointer,
                mean: statistics.pointer[2 * index], reciprocal: statistics.pointer[2 * index + 1], silu: silu,
                upstream: upstream.pointer, gradient: gradient.storage.pointer,
                sums: sums.storage.pointer + index / groups * 2 * layout.channels)
        }
        for (parameter, part) in [(bias, 0), (weight, 1)] {
            parameter.node?.accumulateFromZero { pointer in
                pn_column_sums(
                    layout.batch, layout.channels, 2 * layout.channels, sums.pointer + part * layout.channels, pointer)
            }
        }
        x.node?.add(gradient)
    }
}

/// The layout of the groups in [B, C, H, W] or, of clips, [B T, C, H, W]. Group indices count through the groups of all
/// images or clips.
private struct GroupLayout {
    /// Number of images or clips.
    let batch: Int
    let channels: Int
    let plane: Int
    let groups: Int
    let frames: Int

    init(x: Tensor, groups: Int, frames: Int) {
        precondition(
            x.shape.count == 4 && groups > 0 && x.shape[1] % groups == 0 && frames > 0 && x.shape[0] % frames == 0,
            "groupNorm: \(groups) groups and \(frames) frames do not divide channels and images of x \(x.shape)")
        (batch, channels, plane) = (x.shape[0] / frames, x.shape[1], x.shape[2] * x.shape[3])
        (self.groups, self.frames) = (groups, frames)
    }

    private var channelsPerGroup: Int { channels / groups }
    private var groupSize: Int { channelsPerGroup * plane * frames }

    /// Calls `body` with each channel of a group and the offsets of its planes, frame by frame.
    func forEachPlane(of index: Int, _ body: (_ channel: Int, _ offset: Int) -> Void) {
        for place in 0..<channelsPerGroup {
            let channel = index % groups * channelsPerGroup + place
            for frame in 0..<frames {
                body(channel, ((index / groups * frames + frame) * channels + channel) * plane)
            }
        }
    }

    func statistics(
        of index: Int, _ x: UnsafePointer<Float>, epsilon: Double
    ) -> (mean: Double, reciprocal: Double) {
        var (mean, variance) = (0.0, 0.0)
        let first = index / groups * frames * channels + index % groups * channelsPerGroup
        // Means and variances around them of the parts that lie together, one in each frame.
        let parts = (0..<frames).map { frame in
            var part = (mean: 0.0, variance: 0.0)
            pn_moments(
                channelsPerGroup * plane, x + (first + frame * channels) * plane, &part.mean, &part.variance)
            return part
        }
        mean = parts.reduce(0) { $0 + $1.mean } / Double(frames)
        variance = parts.reduce(0) { $0 + $1.variance + ($1.mean - mean) * ($1.mean - mean) } / Double(frames)
        return (mean, 1 / (variance + epsilon).squareRoot())
    }

    /// Computes the gradient of x, and the sums [2, C] over the group's planes that give the gradients of bias and
    /// weight.
    func backward(
        of index: Int, x: UnsafePointer<Float>, weight: UnsafePointer<Float>, bias: UnsafePointer<Float>,
        mean: Float, reciprocal: Float, silu: Bool, upstream: UnsafePointer<Float>,
        gradient: UnsafeMutablePointer<Float>, sums: UnsafeMutablePointer<Float>
    ) {
        var (pull, normalizedPull) = (0.0, 0.0)
        // Sums over the frames of one channel.
        var (channelSum, channelNormalizedSum, count) = (0.0, 0.0, 0)
        forEachPlane(of: index) { channel, at in
            if silu {
                let scale = reciprocal * weight[channel]
                pn_affine_silu_backward(
                    plane, scale, bias[channel] - mean * scale, x + at, upstream + at, gradient + at)
            } else {
                (gradient + at).update(from: upstream + at, count: plane)
            }
            var (sum, normalizedSum) = (0.0, 0.0)
            pn_normalized_sums(plane, mean, reciprocal, x + at, gradient + at, &sum, &normalizedSum)
            (channelSum, channelNormalizedSum) =
                count % frames == 0
                ? (sum, normalizedSum) : (channelSum + sum, channelNormalizedSum + normalizedSum)
            count += 1
            sums[channel] = Float(channelSum)
            sums[channels + channel] = Float(channelNormalizedSum)
            pull += sum * Double(weight[channel])
            normalizedPull += normalizedSum * Double(weight[channel])
        }
        // r (g w - mean(g w) - n mean(g w n)) with n = (x - mean) r
        let share = Double(reciprocal) / Double(groupSize)
        let slope = -share * normalizedPull * Double(reciprocal)
        let shift = -share * pull - slope * Double(mean)
        forEachPlane(of: index) { channel, at in
            pn_affine_combination(
                plane, reciprocal * weight[channel], Float(slope), Float(shift), x + at, gradient + at)
        }
    }
}
