import Foundation
import PixNerdSupport
import PixNerdTensors

/// Films generated from a seed: a coloured shape of `ShapesDataset` that moves across its background in a straight line and
/// turns, and rebounds from the edges.
public enum MovingShapes {
    /// Writes `films` films as `directory/00001/frame-00001.png` and so on.
    ///
    /// A film depends only on the seed and its number. The pixels are the same on every machine.
    ///
    /// - Parameters:
    ///   - directory: the output folder; created if missing, and refused if it is not empty.
    ///   - films: number of films, 1 to 10,000,000.
    ///   - frames: frames of each, 2 to 65,536.
    ///   - size: the side of a frame in pixels, 8 to 4096.
    ///   - seed: the seed of the films.
    /// - Throws: `PixNerdError` if a number is out of range, if `directory` is a file or is not empty, or if something
    ///   cannot be written.
    public static func write(to directory: String, films: Int, frames: Int, size: Int, seed: UInt64) throws {
        try require("The number of films", films, in: 1...10_000_000)
        try require("The number of frames", frames, in: Clip.leastFrames...Clip.mostFrames)
        try require("The side of a frame", size, in: 8...4096)
        let names = (0..<films).map { ($0 + 1).zeroPadded(to: 5) }
        try ShapesDataset.makeFolders(names, in: directory)
        let failure = FirstFailure()
        DispatchQueue.concurrentPerform(iterations: films) { index in
            for (number, frame) in pictures(index: index, frames: frames, size: size, seed: seed).enumerated() {
                guard failure.error == nil else { return }
                do {
                    let name = "frame-\((number + 1).zeroPadded(to: 5)).png"
                    try ImageFile.writePNG(frame, to: joined(joined(directory, names[index]), name))
                } catch {
                    failure.keep(error)
                }
            }
        }
        if let error = failure.error { throw error }
    }

    /// The frames of one film, drawn as they are asked for.
    ///
    /// - Parameters:
    ///   - index: the number of the film, from 0.
    ///   - frames: number of frames.
    ///   - size: the side in pixels.
    ///   - seed: the seed of the films.
    public static func pictures(index: Int, frames: Int, size: Int, seed: UInt64) -> LazyMapSequence<
        Range<Int>, RGBImage
    > {
        // Images of shapes have step 0.
        var stream = RandomStream(seed: seed, purpose: .shapes, step: 1, index: index)
        let outline = ShapeOutline.allCases[stream.nextInteger(below: ShapeOutline.allCases.count)]
        let motion = Motion(drawnFrom: &stream)
        let scene = ShapeScene(outline: outline, drawnFrom: &stream)
        return (0..<frames).lazy.map { frame in
            scene.moved(to: motion.center(frame), radius: motion.radius, tangent: motion.tangent(frame))
                .rendered(size: size)
        }
    }

    /// A way through the frames. Lengths are in units of the image's side.
    private struct Motion {
        let radius: Double
        private let start: (x: Double, y: Double)
        private let step: (x: Double, y: Double)
        private let firstTangent: Double
        private let turn: Double

        init(drawnFrom stream: inout RandomStream) {
            func uniform(_ range: ClosedRange<Double>) -> Double { stream.nextDouble(in: range) }
            radius = uniform(0.14...0.24)
            start = (uniform(0...1), uniform(0...1))
            step = (uniform(-0.04...0.04), uniform(-0.04...0.04))
            (firstTangent, turn) = (uniform(-0.5...0.5), uniform(-0.05...0.05))
        }

        /// The centre, which stays within the picture by the shape's radius.
        func center(_ frame: Int) -> (x: Double, y: Double) {
            func place(_ start: Double, _ step: Double) -> Double {
                // A way of length 1 there and back again.
                let way = (start + Double(frame) * step / (1 - 2 * radius)).truncatingRemainder(dividingBy: 2)
                let folded = abs(way) > 1 ? 2 - abs(way) : abs(way)
                return radius + (1 - 2 * radius) * folded
            }
            return (place(start.x, step.x), place(start.y, step.y))
        }

        /// The tangent of half the angle.
        func tangent(_ frame: Int) -> Double { firstTangent + Double(frame) * turn }
    }
}
