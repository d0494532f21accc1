import Foundation
import PixNerdTensors

/// A transform of an image that a model is told of, so that its samples do not show it (Karras et al., arXiv 2206.00364,
/// appendix F.2).
public struct Augmentation: Sendable, Equatable {
    /// A transform that may be left out.
    public enum Kind: String, Sendable, CaseIterable {
        case mirrorX = "mirror_x"
        case mirrorY = "mirror_y"
        case scale
        case turn
        case stretch
        case shift
    }

    /// 1 for an image mirrored along x, else 0.
    var mirrorX = 0.0
    /// 1 for an image mirrored along y, else 0.
    var mirrorY = 0.0
    /// Enlarged 2^(0.2 scale) times.
    var scale = 0.0
    /// Angle of rotation in radians.
    var turn = 0.0
    /// Stretched 2^(0.2 stretch) times along an axis and shrunk as much across it.
    var stretch = 0.0
    /// Angle of the axis of stretching in radians.
    var axis = 0.0
    /// Shifted along x by the side / 8 times this.
    var shiftX = 0.0
    /// Shifted along y by the side / 8 times this.
    var shiftY = 0.0

    /// The nine numbers of a drawn transform: mirrored along x and y, scale, angle, stretch, its axis, shifts; the last is
    /// not used.
    init(_ raw: [Double]) {
        (mirrorX, mirrorY, scale, turn) = (raw[0], raw[1], raw[2], raw[3])
        (stretch, axis, shiftX, shiftY) = (raw[4], raw[5], raw[6], raw[7])
    }

    /// Draws a transform.
    ///
    /// - Parameters:
    ///   - probability: probability of each kind, except that images are mirrored along x with 1/2 always.
    ///   - kinds: the kinds that may be drawn.
    public init(probability: Float, kinds: Set<Kind> = Set(Kind.allCases), _ stream: inout RandomStream) {
        // All numbers are drawn always, so that leaving out a kind does not change the others.
        let coins = (0..<9).map { _ in Double(stream.nextUniform()) }
        let (scale, stretch) = (Double(stream.nextNormalPair().0), Double(stream.nextNormalPair().0))
        let (shiftX, shiftY) = stream.nextNormalPair()
        func happens(_ kind: Kind, _ coin: Int) -> Bool { kinds.contains(kind) && coins[coin] < Double(probability) }
        func angle(_ coin: Int) -> Double { (2 * coins[coin] - 1) * Double.pi }
        if kinds.contains(.mirrorX) { mirrorX = coins[0] < 0.5 ? 1 : 0 }
        if happens(.mirrorY, 1) { mirrorY = stream.nextUniform() < 0.5 ? 1 : 0 }
        if happens(.scale, 2) { self.scale = scale }
        if happens(.turn, 3) { turn = angle(4) }
        if happens(.stretch, 5) {
            self.stretch = stretch
            // Along x or y in half of the cases, as the published code has it.
            if coins[6] < 0.5 { axis = angle(7) }
        }
        if happens(.shift, 8) { (self.shiftX, self.shiftY) = (Double(shiftX), Double(shiftY)) }
    }

    /// What a model is told of it, zeros for an image as it is: mirrored along x and y, scale, cos - 1 and sin of the angle,
    /// stretch times cos and sin of its axis, both shifts.
    public var numbers: [Float] {
        [
            mirrorX, mirrorY, scale, cos(turn) - 1, sin(turn), stretch * cos(axis), stretch * sin(axis), shiftX, shiftY,
        ].map { Float($0) }
    }

    /// The map from pixels of the image to those of the result, about the middle of the image: three rows.
    func matrix(height: Int, width: Int) -> Affine {
        let (x, y) = (Double(width) / 2 - 0.5, Double(height) / 2 - 0.5)
        let (size, along) = (exp2(0.2 * scale), exp2(0.2 * stretch))
        let parts = [
            Affine(movedBy: x, y), Affine(scaledBy: 1 - 2 * mirrorX, 1 - 2 * mirrorY), Affine(scaledBy: size, size),
            Affine(turnedBy: -turn), Affine(turnedBy: axis), Affine(scaledBy: along, 1 / along),
            Affine(turnedBy: -axis), Affine(movedBy: Double(width) * shiftX / 8, Double(height) * shiftY / 8),
            Affine(movedBy: -x, -y),
        ]
        return parts.dropFirst().reduce(parts[0]) { $0 * $1 }
    }

    /// Images with a transform for each, [B, C, H, W].
    public static func apply(_ augmentations: [Augmentation], to images: Tensor) -> Tensor {
        resampled(
            images,
            maps: augmentations.map { $0.matrix(height: images.shape[2], width: images.shape[3]).inverse.values })
    }
}

/// An affine map of the plane, (x, y) to (a x + b y + c, d x + e y + f).
struct Affine {
    /// a, b, c, d, e, f.
    let values: [Double]

    private init(_ values: [Double]) { self.values = values }

    init(movedBy x: Double, _ y: Double) { self.init([1, 0, x, 0, 1, y]) }
    init(scaledBy x: Double, _ y: Double) { self.init([x, 0, 0, 0, y, 0]) }
    init(turnedBy angle: Double) { self.init([cos(angle), -sin(angle), 0, sin(angle), cos(angle), 0]) }

    static func * (one: Affine, other: Affine) -> Affine {
        let (m, n) = (one.values, other.values)
        return Affine([
            m[0] * n[0] + m[1] * n[3], m[0] * n[1] + m[1] * n[4], m[0] * n[2] + m[1] * n[5] + m[2],
            m[3] * n[0] + m[4] * n[3], m[3] * n[1] + m[4] * n[4], m[3] * n[2] + m[4] * n[5] + m[5],
        ])
    }

    /// The map back. None of those above is singular.
    var inverse: Affine {
        let m = values
        let determinant = m[0] * m[4] - m[1] * m[3]
        let (a, b, d, e) = (m[4] / determinant, -m[1] / determinant, -m[3] / determinant, m[0] / determinant)
        return Affine([a, b, -(a * m[2] + b * m[5]), d, e, -(d * m[2] + e * m[5])])
    }
}
