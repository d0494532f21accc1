import CImageKernels
import Foundation

/// How a picture is resampled. The names and the kernels are Pillow's.
public enum ResamplingFilter: String, Sendable, CaseIterable {
    case box
    case bilinear
    /// Keys' cubic with a = -0.5.
    case bicubic
    /// A windowed sinc with three lobes.
    case lanczos

    /// Half the width of the kernel in pixels, before it is widened for shrinking.
    var support: Double {
        switch self {
        case .box: 0.5
        case .bilinear: 1
        case .bicubic: 2
        case .lanczos: 3
        }
    }

    /// The kernel's height at a distance of `x` pixels from its centre.
    func callAsFunction(_ x: Double) -> Double {
        switch self {
        case .box:
            return x > -0.5 && x <= 0.5 ? 1 : 0
        case .bilinear:
            return max(0, 1 - abs(x))
        case .bicubic:
            let a = -0.5
            let distance = abs(x)
            if distance < 1 { return ((a + 2) * distance - (a + 3)) * distance * distance + 1 }
            if distance < 2 { return (((distance - 5) * distance + 8) * distance - 4) * a }
            return 0
        case .lanczos:
            return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0
        }
    }

    private func sinc(_ x: Double) -> Double {
        x == 0 ? 1 : sin(x * .pi) / (x * .pi)
    }
}

/// The weights of one axis: which input pixels each output pixel is made of, in fixed point.
struct ResamplingWeights {
    /// For each output pixel its first input pixel.
    private(set) var starts: [Int32] = []
    /// For each output pixel how many input pixels it takes.
    private(set) var counts: [Int32] = []
    /// `taps` weights for each output pixel, of which the first `counts` are used.
    private(set) var weights: [Int32] = []
    let taps: Int

    /// The weights of some outputs of an axis that is resampled from `inputSize` to `outputSize` pixels.
    ///
    /// A kernel is widened by the factor of shrinking, so that every input pixel counts; at the borders it is cut off
    /// and what is left is scaled to a sum of one. All this in double precision, rounded once to fixed point.
    init(filter: ResamplingFilter, inputSize: Int, outputSize: Int, outputs: Range<Int>) {
        let scale = Double(inputSize) / Double(outputSize)
        let widening = max(scale, 1)
        let support = filter.support * widening
        taps = Int(support.rounded(.up)) * 2 + 1
        starts.reserveCapacity(outputs.count)
        counts.reserveCapacity(outputs.count)
        weights.reserveCapacity(outputs.count * taps)
        let unit = Double(1 << PIXNERD_WEIGHT_BITS)
        var heights = [Double](repeating: 0, count: taps)
        for output in outputs {
            let center = (Double(output) + 0.5) * scale
            let first = max(Int(center - support + 0.5), 0)
            let last = min(Int(center + support + 0.5), inputSize)
            var sum = 0.0
            for tap in 0..<last - first {
                heights[tap] = filter((Double(tap + first) - center + 0.5) * (1 / widening))
                sum += heights[tap]
            }
            starts.append(Int32(first))
            counts.append(Int32(last - first))
            for tap in 0..<taps {
                guard tap < last - first else {
                    weights.append(0)
                    continue
                }
                let weight = (sum == 0 ? heights[tap] : heights[tap] / sum) * unit
                weights.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5))
            }
        }
    }

    /// The input pixels that any of the outputs takes.
    var inputs: Range<Int> {
        var lower = Int.max
        var upper = 0
        for i in starts.indices {
            lower = min(lower, Int(starts[i]))
            upper = max(upper, Int(starts[i] + counts[i]))
        }
        return lower..<upper
    }
}

/// A picture of another size, equal byte for byte to Pillow's `Image.resize((width, height), filter)` of RGB.
///
/// Rows are resampled before columns, always. So did Pillow 3 to 12, which published models had their data from;
/// from version 13 on Pillow turns the order round for pictures that lose much more height than width, where single
/// pixels then differ by a level.
///
/// - Parameters:
///   - image: the picture.
///   - width: the new number of columns, at least 1.
///   - height: the new number of rows, at least 1.
///   - filter: the kernel.
public func resized(_ image: RGBImage, width: Int, height: Int, filter: ResamplingFilter) -> RGBImage {
    resized(image, width: width, height: height, filter: filter, columns: 0..<width, rows: 0..<height)
}

/// The given columns and rows of a resized picture; the others are never computed.
func resized(
    _ image: RGBImage, width: Int, height: Int, filter: ResamplingFilter, columns: Range<Int>, rows: Range<Int>
) -> RGBImage {
    precondition(width > 0 && height > 0, "resized: a size of \(width) x \(height) is not a picture")
    let vertical =
        height == image.height
        ? nil : ResamplingWeights(filter: filter, inputSize: image.height, outputSize: height, outputs: rows)
    // Only these input rows take part in the result; the horizontal pass leaves out all others.
    let inputRows = vertical?.inputs ?? rows
    var result =
        width == image.width
        ? image.cropped(x: columns.lowerBound, y: inputRows.lowerBound, width: columns.count, height: inputRows.count)
        : resampledHorizontally(
            image, rows: inputRows,
            ResamplingWeights(filter: filter, inputSize: image.width, outputSize: width, outputs: columns))
    if let vertical {
        result = resampledVertically(result, firstRow: inputRows.lowerBound, vertical)
    }
    return result
}

private func resampledHorizontally(_ image: RGBImage, rows: Range<Int>, _ table: ResamplingWeights) -> RGBImage {
    let width = table.starts.count
    let stride = image.width * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: width * rows.count * 3) { output, count in
        image.pixels.withUnsafeBufferPointer { input in
            pixnerd_resample_rows(
                input.baseAddress! + rows.lowerBound * stride, stride, output.baseAddress!, width, rows.count,
                table.starts, table.counts, table.weights, table.taps)
        }
        count = width * rows.count * 3
    }
    return RGBImage(width: width, height: rows.count, pixels: pixels)
}

/// - Parameter firstRow: the row of the whole picture that is row 0 of `image`.
private func resampledVertically(_ image: RGBImage, firstRow: Int, _ table: ResamplingWeights) -> RGBImage {
    let height = table.starts.count
    let stride = image.width * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: height * stride) { output, count in
        image.pixels.withUnsafeBufferPointer { input in
            table.weights.withUnsafeBufferPointer { weights in
                for row in 0..<height {
                    pixnerd_blend_rows(
                        input.baseAddress! + (Int(table.starts[row]) - firstRow) * stride, stride,
                        output.baseAddress! + row * stride, stride, weights.baseAddress! + row * table.taps,
                        Int(table.counts[row]))
                }
            }
        }
        count = height * stride
    }
    return RGBImage(width: image.width, height: height, pixels: pixels)
}
