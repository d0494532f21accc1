import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// What is asked of a picture that sampling begins with.
public struct EditOptions: Sendable, Equatable {
    /// What a mask shows.
    public enum MaskKind: String, Sendable, CaseIterable {
        /// White where the picture is painted, black where it stays.
        case white
        /// Black where the picture is painted, white where it stays.
        case black
        /// Transparent where the picture is painted, opaque where it stays.
        case transparent
    }

    /// Path of the picture.
    public var image: String
    /// Path of the mask; nil to paint all of the picture.
    public var mask: String?
    public var maskKind = MaskKind.white
    /// How far the picture is changed, from 0, which gives it back, to 1, which begins from noise alone; nil for 0.75, or 1
    /// with a mask.
    public var strength: Float?
    /// How often each step is taken again from fresh noise, so that what is painted fits what stays.
    public var repetitions = 0

    public init(image: String, mask: String? = nil) { (self.image, self.mask) = (image, mask) }

    /// The share of the steps that are taken.
    public var usedStrength: Float { strength ?? (mask == nil ? 0.75 : 1) }

    /// Number of the first steps that are left out. At least one is taken unless the strength is 0.
    func skippedSteps(of steps: Int) -> Int {
        let taken = Int((usedStrength * Float(steps)).rounded())
        return steps - min(max(taken, usedStrength > 0 ? 1 : 0), steps)
    }
}

extension SamplingSettings {
    /// Leaves out the first steps, because sampling begins with a picture.
    ///
    /// - Throws: `PixNerdError` if they are also to leave the noise as it is.
    mutating func beginWithPicture(_ edit: EditOptions) throws {
        skippedSteps = edit.skippedSteps(of: steps)
        guard skippedSteps == 0 || zeroSteps == 0 else {
            throw PixNerdError(
                .mismatch, "\(Setting.zeroSteps)",
                found:
                    "leaves noise as it is, and with \(Setting.strength) \(edit.usedStrength) sampling does not begin there",
                advice: "leave one of them out")
        }
    }
}

/// A picture and its mask, read and checked.
struct EditSource {
    let edit: PictureEdit
    /// What a user should know about how the picture is taken; nil if it is taken as it is.
    let notice: String?

    /// Reads a picture as training reads its images: scaled to cover a size, and cropped in the middle.
    ///
    /// - Throws: `PixNerdError` if a file cannot be read, or picture and mask have different sizes.
    init(_ options: EditOptions, size: PictureSize, format: PixelFormat) throws {
        let wanted = ImageSize(height: size.height, width: size.width)
        let (picture, stored) = try Self.read(options.image, wanted, format)
        let mask = try options.mask.map { path in
            let kind = options.maskKind
            let (mask, masked) = try Self.read(path, wanted, PixelFormat(kind == .transparent ? .rgba : .grey))
            guard masked == stored else {
                throw PixNerdError(
                    .mismatch, "\(Setting.mask) \(path)", found: "has \(masked.text) pixels",
                    expected: "\(stored.text), the size of \(options.image)", advice: "scale it to that size")
            }
            let shares = Self.shares(mask, kind)
            guard shares.contains(where: { $0 > 0 }) else {
                throw PixNerdError(
                    .invalidValue, "\(Setting.mask) \(path)", found: "leaves nothing to paint",
                    expected: "\(kind.rawValue) pixels where the picture is to be painted")
            }
            return shares
        }
        edit = PictureEdit(picture, mask: mask, repetitions: options.repetitions)
        notice =
            stored == wanted
            ? nil
            : "\(options.image) is \(stored.text): it is scaled to cover \(wanted.text) and cropped in the middle, as in training"
    }

    /// The pixels of a file at a size, [1, C, H, W], and the size that the file shows.
    private static func read(
        _ path: String, _ size: ImageSize, _ format: PixelFormat
    ) throws -> (pixels: Tensor, stored: ImageSize) {
        let reader = CropReader(.picture(path), imageSize: size, decoding: PictureDecoding(format: format))
        let batch = try reader.read(0)
        return (PixelSpace(format).encode(batch), try reader.storedSize(0))
    }

    /// How much of each pixel is painted, from a mask of grey, or of colours and opacity.
    private static func shares(_ mask: Tensor, _ kind: EditOptions.MaskKind) -> [Float] {
        let area = mask.shape[2] * mask.shape[3]
        // Scaling rings around edges; what is nearly black or white is so.
        func share(_ value: Float) -> Float { value < 1 / 255 ? 0 : value > 254 / 255 ? 1 : value }
        return mask.withUnsafeBuffer { values in
            (0..<area).map { place in
                let level = (values[(kind == .transparent ? 3 * area : 0) + place] + 1) / 2
                return share(kind == .white ? level : 1 - level)
            }
        }
    }
}
