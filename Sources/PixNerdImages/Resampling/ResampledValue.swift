import CPixNerdKernels

/// A type of values that images are resampled in.
protocol ResampledValue: BitwiseCopyable {
    /// Resamples along rows.
    ///
    /// - Parameter output: memory for `table.starts.count` columns of as many rows as the input has.
    static func blendColumns(
        _ input: PixelView<Self>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<Self>,
        _ memory: ResamplingMemory)

    /// Resamples along columns.
    ///
    /// - Parameter output: memory for `table.starts.count` rows of as many columns as the input has.
    static func blendRows(
        _ input: PixelView<Self>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<Self>)

    /// The middle of the range of images.
    static var middle: Self { get }
}

/// Bytes of three channels, rounded after each pass as Pillow does.
extension UInt8: ResampledValue {
    static var middle: UInt8 { 128 }

    static func blendColumns(
        _ input: PixelView<UInt8>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<UInt8>,
        _ memory: ResamplingMemory
    ) {
        let width = table.starts.count
        pn_resample_rows(
            input.base, input.stride, input.width, output, width, input.height, table.starts, table.counts,
            table.weights, table.taps,
            memory.turned.reserve((input.width + width) * 3 * Int(PN_BLOCK_ROWS)))
    }

    static func blendRows(
        _ input: PixelView<UInt8>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<UInt8>
    ) {
        let bytes = input.width * 3
        table.weights.withUnsafeBufferPointer { weights in
            for row in table.starts.indices {
                pn_blend_rows(
                    input.base + Int(table.starts[row]) * input.stride, input.stride, output + row * bytes, bytes,
                    weights.baseAddress! + row * table.taps, Int(table.counts[row]))
            }
        }
    }
}

/// Floats of any number of channels, which are not rounded, as in Pillow's mode F.
extension Float: ResampledValue {
    static var middle: Float { 0.5 }

    static func blendColumns(
        _ input: PixelView<Float>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<Float>,
        _ memory: ResamplingMemory
    ) {
        let (width, channels) = (table.starts.count, input.channels)
        let weights = table.floats
        for row in 0..<input.height {
            let source = input.base + row * input.stride
            let target = output + row * width * channels
            for column in 0..<width {
                let start = source + Int(table.starts[column]) * channels
                for channel in 0..<channels {
                    var sum: Float = 0
                    for tap in 0..<Int(table.counts[column]) {
                        sum += weights[column * table.taps + tap] * start[tap * channels + channel]
                    }
                    target[column * channels + channel] = sum
                }
            }
        }
    }

    static func blendRows(
        _ input: PixelView<Float>, _ table: ResamplingWeights, into output: UnsafeMutablePointer<Float>
    ) {
        let count = input.width * input.channels
        let weights = table.floats
        for row in table.starts.indices {
            let target = output + row * count
            target.update(repeating: 0, count: count)
            for tap in 0..<Int(table.counts[row]) {
                let weight = weights[row * table.taps + tap]
                let source = input.base + (Int(table.starts[row]) + tap) * input.stride
                for index in 0..<count { target[index] += weight * source[index] }
            }
        }
    }
}
