import Foundation
import PixNerdTensors

/// Parts of images that are left out in training: everything, all on one side of a line, rectangles, or strokes. Places
/// and widths are shares of the image, so that a mask looks alike at every size.
enum RandomMask {
    /// Draws how much of each pixel is left out, [1, 1, H, W] of 0 or 1; never nothing.
    static func draw(height: Int, width: Int, _ numbers: inout RandomStream) -> Tensor {
        let kind = numbers.nextUniform()
        let isOut: (_ x: Float, _ y: Float) -> Bool
        switch kind {
        case ..<0.1: isOut = { _, _ in true }
        case ..<0.3: isOut = side(&numbers)
        case ..<0.7: isOut = rectangles(&numbers)
        default: isOut = strokes(&numbers)
        }
        var values = (0..<height * width).map { place -> Float in
            isOut((Float(place % width) + 0.5) / Float(width), (Float(place / width) + 0.5) / Float(height)) ? 1 : 0
        }
        if !values.contains(1) { values[values.count / 2 + width / 2] = 1 }
        return Tensor(values, shape: [1, 1, height, width])
    }

    /// All of the left, right, upper or lower part.
    private static func side(_ numbers: inout RandomStream) -> (Float, Float) -> Bool {
        let (border, choice) = (uniform(0.25, 0.75, &numbers), numbers.nextInteger(below: 4))
        return { x, y in
            let along = choice < 2 ? x : y
            return choice % 2 == 0 ? along < border : along > border
        }
    }

    /// One to three rectangles.
    private static func rectangles(_ numbers: inout RandomStream) -> (Float, Float) -> Bool {
        let all = (0...numbers.nextInteger(below: 3)).map { _ in
            let (width, height) = (uniform(0.2, 0.6, &numbers), uniform(0.2, 0.6, &numbers))
            return (
                left: uniform(0, 1 - width, &numbers), top: uniform(0, 1 - height, &numbers), width: width,
                height: height
            )
        }
        return { x, y in
            all.contains { (0...$0.width).contains(x - $0.left) && (0...$0.height).contains(y - $0.top) }
        }
    }

    /// One to four strokes of a few straight pieces.
    private static func strokes(_ numbers: inout RandomStream) -> (Float, Float) -> Bool {
        var pieces: [(from: SIMD2<Float>, to: SIMD2<Float>, radius: Float)] = []
        for _ in 0...numbers.nextInteger(below: 4) {
            let radius = uniform(0.03, 0.1, &numbers)
            var from = SIMD2(numbers.nextUniform(), numbers.nextUniform())
            for _ in 0...numbers.nextInteger(below: 4) {
                let (angle, length) = (uniform(0, 2 * .pi, &numbers), uniform(0.1, 0.4, &numbers))
                let to = (from + length * SIMD2(cosf(angle), sinf(angle))).clamped(lowerBound: .zero, upperBound: .one)
                pieces.append((from, to, radius))
                from = to
            }
        }
        return { x, y in
            pieces.contains { piece in
                let (way, offset) = (piece.to - piece.from, SIMD2(x, y) - piece.from)
                let length = (way * way).sum()
                let share = length == 0 ? 0 : min(1, max(0, (way * offset).sum() / length))
                let away = offset - share * way
                return (away * away).sum() <= piece.radius * piece.radius
            }
        }
    }

    private static func uniform(_ low: Float, _ high: Float, _ numbers: inout RandomStream) -> Float {
        low + (high - low) * numbers.nextUniform()
    }
}
