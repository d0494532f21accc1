/// The frames of clips from one on; where that is before the first, zeros come first.
///
/// - Parameters:
///   - x: [B T, ...], the T frames of each clip one after another.
///   - frames: T.
///   - first: the first frame that is kept, less than T; below 0 the number of frames of zeros, negative.
/// - Returns: [B (T - first), ...].
public func frameWindow(_ x: Tensor, frames: Int, from first: Int) -> Tensor {
    precondition(
        !x.shape.isEmpty && frames > 0 && x.shape[0] % frames == 0 && first < frames,
        "frameWindow: \(frames) frames from \(first) on do not fit x \(x.shape)")
    let (clips, size, kept) = (x.shape[0] / frames, x.count / x.shape[0], frames - first)
    // Frames that are copied, and where they begin in a clip of x and of the result.
    let (count, from, to) = (min(kept, frames), max(first, 0), max(-first, 0))
    let out = Tensor(zeros: [clips * kept] + x.shape.dropFirst())
    for clip in 0..<clips {
        (out.storage.pointer + (clip * kept + to) * size).update(
            from: x.pointer + (clip * frames + from) * size, count: count * size)
    }
    return Tape.record("frameWindow", out, from: [x]) { upstream in
        let gradient = Tensor(zeros: x.shape)
        for clip in 0..<clips {
            (gradient.storage.pointer + (clip * frames + from) * size).update(
                from: upstream.pointer + (clip * kept + to) * size, count: count * size)
        }
        x.node?.add(gradient)
    }
}
