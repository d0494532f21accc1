import Foundation
import Tensors

/// Memory that crops need on the way, used for picture after picture by one thread.
final class CropScratch {
    /// Two blocks, for a picture and its half.
    fileprivate let halves = (ByteBlock(), ByteBlock())
    fileprivate let resampling = ResamplingMemory()
}

/// What a transform does to one picture, its random choices made.
struct CropPlan {
    private enum Kind {
        /// Scaled until the shorter side has this many pixels; then the middle, or a place still to be drawn.
        case square(shorterSide: Int, isRandom: Bool)
        /// A part scaled to the square, whatever its shape.
        case part(columns: Range<Int>, rows: Range<Int>)
    }

    private let kind: Kind
    /// Columns and rows of the picture as it is stored.
    private let original: (width: Int, height: Int)
    private let size: Int
    private let flip: Bool
    /// What is left of the picture's stream.
    private let random: RandomStream

    /// How often the picture may be halved before it would be too small for the result: what a JPEG decoder may do
    /// while it decodes.
    let halvings: Int

    /// - Parameters:
    ///   - transform: what to do.
    ///   - width: columns of the picture as it is stored.
    ///   - height: rows of the picture as it is stored.
    ///   - size: the side of the result in pixels.
    ///   - random: the picture's own random numbers.
    init(_ transform: ImageTransform, width: Int, height: Int, size: Int, random: RandomStream) {
        var random = random
        var shortest = min(width, height)
        var needed = size
        switch transform.crop {
        case .center:
            kind = .square(shorterSide: size, isRandom: false)
        case .random:
            let smallest = Int((Double(size) / transform.randomFraction.upperBound).rounded(.up))
            let largest = Int((Double(size) / transform.randomFraction.lowerBound).rounded(.up))
            needed = smallest + random.nextInteger(below: largest - smallest + 1)
            kind = .square(shorterSide: needed, isRandom: true)
        case .resized:
            let part = transform.resizedPart(width: width, height: height, &random)
            shortest = min(part.columns.count, part.rows.count)
            kind = .part(columns: part.columns, rows: part.rows)
        }
        var halvings = 0
        while shortest >> halvings >= 2 * needed { halvings += 1 }
        self.halvings = halvings
        original = (width, height)
        self.size = size
        flip = transform.flip
        self.random = random
    }

    /// Cuts the square.
    ///
    /// - Parameters:
    ///   - picture: the picture, as it is stored or halved up to `halvings` times by its decoder.
    ///   - output: room for `size * size * 3` bytes.
    ///   - scratch: the thread's memory.
    func run(_ picture: PixelView, into output: UnsafeMutablePointer<UInt8>, scratch: CropScratch) {
        switch kind {
        case .square(let shorterSide, let isRandom):
            cutSquare(picture, shorterSide: shorterSide, isRandom: isRandom, into: output, scratch)
        case .part(let columns, let rows):
            cutPart(picture, columns: columns, rows: rows, into: output, scratch)
        }
    }

    private func cutSquare(
        _ picture: PixelView, shorterSide: Int, isRandom: Bool, into output: UnsafeMutablePointer<UInt8>,
        _ scratch: CropScratch
    ) {
        var random = random
        var halved = picture
        var (target, other) = scratch.halves
        while min(halved.width, halved.height) >= 2 * shorterSide {
            halved = Self.half(of: halved, in: target, memory: scratch.resampling)
            swap(&target, &other)
        }
        let scale = Double(shorterSide) / Double(min(halved.width, halved.height))
        // Python's round(), as in the original: halves go to the even neighbour.
        let width = Int((Double(halved.width) * scale).rounded(.toNearestOrEven))
        let height = Int((Double(halved.height) * scale).rounded(.toNearestOrEven))
        let top = isRandom ? random.nextInteger(below: height - size + 1) : (height - size) / 2
        let left = isRandom ? random.nextInteger(below: width - size + 1) : (width - size) / 2
        Resampling(
            from: (halved.width, halved.height), to: (width, height), filter: .bicubic, columns: left..<left + size,
            rows: top..<top + size, mirrored: isMirrored(&random)
        ).run(halved, into: output, memory: scratch.resampling)
    }

    private func cutPart(
        _ picture: PixelView, columns: Range<Int>, rows: Range<Int>, into output: UnsafeMutablePointer<UInt8>,
        _ scratch: CropScratch
    ) {
        var random = random
        let mirrored = isMirrored(&random)
        guard picture.width != original.width || picture.height != original.height else {
            Resampling(
                from: (columns.count, rows.count), to: (size, size), filter: .bicubic, columns: 0..<size,
                rows: 0..<size, mirrored: mirrored
            ).run(picture.part(columns: columns, rows: rows), into: output, memory: scratch.resampling)
            return
        }
        // The part as it lies in the halved picture: its edges may fall between pixels.
        let across = Double(picture.width) / Double(original.width)
        let down = Double(picture.height) / Double(original.height)
        Resampling(
            from: (picture.width, picture.height),
            across: (Double(columns.lowerBound) * across, Double(columns.count) * across),
            down: (Double(rows.lowerBound) * down, Double(rows.count) * down), toSquare: size, filter: .bicubic,
            mirrored: mirrored
        ).run(picture, into: output, memory: scratch.resampling)
    }

    private func isMirrored(_ random: inout RandomStream) -> Bool {
        flip && random.nextUniform() < 0.5
    }

    private static func half(of picture: PixelView, in block: ByteBlock, memory: ResamplingMemory) -> PixelView {
        let (width, height) = (picture.width / 2, picture.height / 2)
        let pixels = block.reserve(width * height * 3)
        Resampling(
            from: (picture.width, picture.height), to: (width, height), filter: .box, columns: 0..<width,
            rows: 0..<height
        ).run(picture, into: pixels, memory: memory)
        return PixelView(pixels, width: width, height: height)
    }
}
