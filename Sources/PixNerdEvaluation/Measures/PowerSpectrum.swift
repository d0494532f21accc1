import Foundation
import PixNerdTensors

/// Power spectrum of image brightness, averaged over directions.
///
/// Each image's mean is subtracted and its edges are faded out with a Hann window, so that neither the brightness nor
/// the jump from the right edge to the left one leaks into other frequencies. It says nothing about content.
public struct PowerSpectrum: Sendable {
    public let height: Int
    public let width: Int
    /// Mean power of each image at 1, 2, ... `frequencies` periods along the shorter side, in squared grey levels per
    /// pixel.
    public private(set) var pictures: [[Double]] = []
    private let fourier: (down: FourierMatrix, across: FourierMatrix)
    private let window: [Double]
    /// Frequency of each coefficient, 0 for coefficients outside the range, and the number of coefficients of the full
    /// plane that it represents.
    private let rings: [(frequency: Int, count: Double)]

    /// Highest frequency: half the shorter side.
    public var frequencies: Int { min(height, width) / 2 }

    /// Smallest side in pixels of images that have a spectrum.
    public static let smallestSide = 4

    public init(height: Int, width: Int) {
        precondition(min(height, width) >= Self.smallestSide, "PowerSpectrum: images of \(height) x \(width)")
        (self.height, self.width) = (height, width)
        fourier = (FourierMatrix(height, outputs: height), FourierMatrix(width, outputs: width / 2 + 1))
        let (down, across) = (Self.hann(height), Self.hann(width))
        window = down.flatMap { row in across.map { row * $0 } }
        let (shorter, columns) = (Double(min(height, width)), width / 2 + 1)
        let largest = min(height, width) / 2
        rings = (0..<height * columns).map { index in
            let (v, u) = (index / columns, index % columns)
            let (fv, fu) = (Double(min(v, height - v)) / Double(height), Double(u) / Double(width))
            // Halves are rounded up, even if rounding errors have taken a last bit from them.
            let ring = Int(((fv * fv + fu * fu).squareRoot() * shorter + 0.5 + 1e-9).rounded(.down))
            // Images are real, so a column also represents its mirror image, if that is a different column.
            let count = u == 0 || 2 * u == width ? 1.0 : 2.0
            return (ring <= largest ? ring : 0, count)
        }
    }

    /// Adds images of size height x width.
    public mutating func add(_ batch: PixelBatch) {
        precondition(batch.height == height && batch.width == width, "PowerSpectrum: an image of another size")
        pictures += parallelMap(batch.count) { spectrum(batch.brightness($0)) }
    }

    /// Mean spectrum over images.
    ///
    /// - Parameter counts: how often each image counts; nil for once each.
    public func mean(counts: [Int]? = nil) -> [Double] {
        precondition(!pictures.isEmpty, "PowerSpectrum: there are no images")
        let total = Double(counts?.reduce(0, +) ?? pictures.count)
        return (0..<frequencies).map { frequency in
            pictures.indices.reduce(0) { $0 + Double(counts?[$1] ?? 1) * pictures[$1][frequency] } / total
        }
    }

    /// Root mean square difference of two mean spectra in dB.
    ///
    /// The power of rounding to 8 bits is added to both spectra at every frequency, because nothing below it is
    /// measurable.
    public static func distance(_ first: [Double], _ second: [Double]) -> Double {
        precondition(first.count == second.count, "PowerSpectrum: spectra of images of other sizes")
        let rounding = 1.0 / 12
        let squares = zip(first, second).reduce(0) { sum, pair in
            let difference = 10 * log10((pair.0 + rounding) / (pair.1 + rounding))
            return sum + difference * difference
        }
        return (squares / Double(first.count)).squareRoot()
    }

    private func spectrum(_ plane: Plane) -> [Double] {
        let mean = plane.values.reduce(0, +) / Double(plane.values.count)
        let faded = zip(plane.values, window).map { ($0 - mean) * $1 }
        // Rows first, from real to complex; then columns.
        let columns = fourier.across.outputs
        let (real, imaginary) = fourier.across.transformRows(faded, count: height)
        var power = [Double](repeating: 0, count: height * columns)
        fourier.down.addPowerOfColumns(real, imaginary, count: columns, to: &power)
        let energy = window.reduce(0) { $0 + $1 * $1 }
        var (sums, counts) = (
            [Double](repeating: 0, count: frequencies + 1), [Double](repeating: 0, count: frequencies + 1)
        )
        for (index, ring) in rings.enumerated() {
            sums[ring.frequency] += ring.count * power[index]
            counts[ring.frequency] += ring.count
        }
        return (1...frequencies).map { sums[$0] / counts[$0] / energy }
    }

    private static func hann(_ count: Int) -> [Double] {
        (0..<count).map { 0.5 - 0.5 * cos(2 * Double.pi * (Double($0) + 0.5) / Double(count)) }
    }
}

/// Discrete Fourier transform of one length as matrices: exact for every length, and fast enough at these sizes.
private struct FourierMatrix: Sendable {
    let length: Int
    /// Frequencies 0 ..< outputs are computed.
    let outputs: Int
    /// cos and -sin of 2 pi (row column) / length, [length, outputs].
    private let cosine: [Double]
    private let negativeSine: [Double]

    init(_ length: Int, outputs: Int) {
        (self.length, self.outputs) = (length, outputs)
        // Angles are reduced modulo 2 pi as integers, which is exact.
        let angles = (0..<length * outputs).map {
            2 * Double.pi * Double($0 / outputs * ($0 % outputs) % length) / Double(length)
        }
        cosine = angles.map { cos($0) }
        negativeSine = angles.map { -sin($0) }
    }

    /// Transforms of `count` real rows, [count, outputs].
    func transformRows(_ rows: [Double], count: Int) -> (real: [Double], imaginary: [Double]) {
        (
            productOnThisThread(rows, cosine, count, length, outputs),
            productOnThisThread(rows, negativeSine, count, length, outputs)
        )
    }

    /// Adds |transform|^2 of complex columns [length, count] to power [outputs, count]; requires outputs == length.
    func addPowerOfColumns(_ real: [Double], _ imaginary: [Double], count: Int, to power: inout [Double]) {
        // The matrices are symmetric if all frequencies are computed.
        let (a, b) = (
            productOnThisThread(cosine, real, outputs, length, count),
            productOnThisThread(negativeSine, imaginary, outputs, length, count)
        )
        let (c, d) = (
            productOnThisThread(cosine, imaginary, outputs, length, count),
            productOnThisThread(negativeSine, real, outputs, length, count)
        )
        for i in power.indices {
            let (re, im) = (a[i] - b[i], c[i] + d[i])
            power[i] += re * re + im * im
        }
    }
}
