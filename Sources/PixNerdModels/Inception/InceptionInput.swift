import PixNerdTensors

/// The resizing to 299 x 299 before Inception in a published evaluation; the metrics depend on it.
public enum InceptionInput: String, Sendable, CaseIterable {
    /// Bilinear resizing of TensorFlow 1 and ADM's evaluation: pixel centres are at integers, which shifts images by up
    /// to half a pixel.
    case torchFidelity = "torch-fidelity"
    /// Bilinear resizing of PyTorch: pixel centres are at half-integers; no antialiasing.
    case pytorchFID = "pytorch-fid"

    /// Converts and resizes images to the network's input.
    ///
    /// - Parameter pixels: 8-bit RGB, [count, height, width, 3].
    /// - Returns: [count, 3, 299, 299] in -1 ... 1.
    public func tensor(pixels: [UInt8], count: Int, height: Int, width: Int) -> Tensor {
        precondition(
            count > 0 && pixels.count == count * height * width * 3,
            "InceptionInput: \(pixels.count) bytes for \(count) images of \(height) x \(width)")
        let side = Inception.side
        var result = Tensor(uninitialized: [count, 3, side, side])
        let (rows, columns) = (taps(from: height), taps(from: width))
        // The value of one grey level, and what is subtracted afterwards.
        let (scale, shift): (Float, Float) = self == .pytorchFID ? (2.0 / 255, 1) : (1.0 / 128, 1)
        result.withUnsafeMutableBuffer { result in
            pixels.withUnsafeBufferPointer { pixels in
                // Safe: each index writes to its own image.
                nonisolated(unsafe) let result = result
                parallelFor(count) { picture in
                    let source = UnsafeBufferPointer(
                        rebasing: pixels[picture * height * width * 3..<(picture + 1) * height * width * 3])
                    let target = UnsafeMutableBufferPointer(
                        rebasing: result[picture * 3 * side * side..<(picture + 1) * 3 * side * side])
                    // A row interpolated between two rows of the image, [channel, width].
                    var row = [Float](repeating: 0, count: 3 * width)
                    for (y, tap) in rows.enumerated() {
                        let (above, below) = (tap.low * width * 3, tap.high * width * 3)
                        for x in 0..<width {
                            for channel in 0..<3 {
                                let (a, b) = (
                                    Float(source[above + 3 * x + channel]), Float(source[below + 3 * x + channel])
                                )
                                row[channel * width + x] = (a + (b - a) * tap.weight) * scale - shift
                            }
                        }
                        for channel in 0..<3 {
                            let start = (channel * side + y) * side
                            for (x, tap) in columns.enumerated() {
                                let (a, b) = (row[channel * width + tap.low], row[channel * width + tap.high])
                                target[start + x] = a + (b - a) * tap.weight
                            }
                        }
                    }
                }
            }
        }
        return result
    }

    /// The two of `count` pixels that each of the 299 pixels is interpolated from, with the weight of the second.
    private func taps(from count: Int) -> [(low: Int, high: Int, weight: Float)] {
        let scale = Float(count) / Float(Inception.side)
        return (0..<Inception.side).map { index in
            let place = self == .torchFidelity ? Float(index) * scale : max((Float(index) + 0.5) * scale - 0.5, 0)
            let low = min(Int(place), count - 1)
            return (low, min(low + 1, count - 1), place - Float(low))
        }
    }
}
