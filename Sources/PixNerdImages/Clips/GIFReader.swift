import CPixNerdGIF
import Foundation
import PixNerdSupport

/// The bytes of a GIF that giflib has not read yet.
private final class GIFSource {
    let bytes: UnsafeRawBufferPointer
    var place = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }
}

/// The frames of a GIF as they are shown, over black.
///
/// - Parameter most: frames that are read.
/// - Throws: `PixNerdError` if the file is damaged or too large.
func decodedGIF(_ bytes: UnsafeRawBufferPointer, name: String, most: Int) throws -> [Animation.Frame] {
    let source = GIFSource(bytes)
    var problem: Int32 = 0
    return try withExtendedLifetime(source) {
        let reader = DGifOpen(
            Unmanaged.passUnretained(source).toOpaque(),
            { file, target, count in
                guard let file, let target, count > 0 else { return 0 }
                let source = Unmanaged<GIFSource>.fromOpaque(file.pointee.UserData).takeUnretainedValue()
                let taken = min(Int(count), source.bytes.count - source.place)
                guard taken > 0 else { return 0 }
                UnsafeMutableRawPointer(target).copyMemory(
                    from: source.bytes.baseAddress! + source.place, byteCount: taken)
                source.place += taken
                return Int32(taken)
            }, &problem)
        guard let reader else { throw gifDamage(problem, name) }
        var canvas: GIFCanvas?
        var closing: Int32 = 0
        defer { DGifCloseFile(reader, &closing) }
        let (width, height) = (Int(reader.pointee.SWidth), Int(reader.pointee.SHeight))
        try ImageFile.checkSize(width: width, height: height, bytes: bytes.count, name: name)
        canvas = GIFCanvas(width: width, height: height)
        var frames: [Animation.Frame] = []
        var control = GraphicsControlBlock(
            DisposalMode: DISPOSAL_UNSPECIFIED, UserInputFlag: false, DelayTime: 0,
            TransparentColor: NO_TRANSPARENT_COLOR)
        while frames.count < most {
            var kind = UNDEFINED_RECORD_TYPE
            guard DGifGetRecordType(reader, &kind) == GIF_OK else { throw gifDamage(reader.pointee.Error, name) }
            if kind == TERMINATE_RECORD_TYPE { break }
            if kind == EXTENSION_RECORD_TYPE {
                try readExtension(reader, &control, name)
            } else if kind == IMAGE_DESC_RECORD_TYPE {
                try Clip.checkRoom(frames.count + 1, width: width, height: height, name)
                try canvas?.show(reader, control, name)
                // Viewers show frames without a duration for a tenth of a second.
                let hundredths = control.DelayTime > 1 ? Int(control.DelayTime) : 10
                if let canvas {
                    frames.append(Animation.Frame(canvas.picture, milliseconds: min(10 * hundredths, 65_535)))
                }
                canvas?.dispose()
                control = GraphicsControlBlock(
                    DisposalMode: DISPOSAL_UNSPECIFIED, UserInputFlag: false, DelayTime: 0,
                    TransparentColor: NO_TRANSPARENT_COLOR)
            }
        }
        return frames
    }
}

private func gifDamage(_ code: Int32, _ name: String) -> PixNerdError {
    PixNerdError(.malformed, "\(name)", found: "is a damaged GIF: \(gifReason(code))")
}

private func readExtension(
    _ reader: UnsafeMutablePointer<GifFileType>, _ control: inout GraphicsControlBlock, _ name: String
) throws {
    var code: Int32 = 0
    var block: UnsafeMutablePointer<GifByteType>?
    guard DGifGetExtension(reader, &code, &block) == GIF_OK else { throw gifDamage(reader.pointee.Error, name) }
    while let bytes = block {
        // The first byte is the number of those that follow.
        if code == GRAPHICS_EXT_FUNC_CODE { _ = DGifExtensionToGCB(Int(bytes[0]), bytes + 1, &control) }
        guard DGifGetExtensionNext(reader, &block) == GIF_OK else { throw gifDamage(reader.pointee.Error, name) }
    }
}

/// What a GIF shows, frame upon frame.
private struct GIFCanvas {
    let width: Int
    let height: Int
    private var pixels: [UInt8]
    /// What comes in the place of the last frame: nil for the frame itself.
    private var after: [UInt8]?

    /// First rows and steps of the four passes of interlaced frames.
    private static let passes = [(0, 8), (4, 8), (2, 4), (1, 2)]

    init(width: Int, height: Int) {
        (self.width, self.height) = (width, height)
        pixels = [UInt8](repeating: 0, count: width * height * 3)
    }

    var picture: RGBImage { RGBImage(width: width, height: height, pixels: pixels) }

    /// Draws the next frame of the file.
    mutating func show(
        _ reader: UnsafeMutablePointer<GifFileType>, _ control: GraphicsControlBlock, _ name: String
    ) throws {
        guard DGifGetImageDesc(reader) == GIF_OK else { throw gifDamage(reader.pointee.Error, name) }
        let image = reader.pointee.Image
        let (left, top) = (Int(image.Left), Int(image.Top))
        let (columns, rows) = (Int(image.Width), Int(image.Height))
        guard let map = image.ColorMap ?? reader.pointee.SColorMap, let colors = map.pointee.Colors else {
            throw PixNerdError(.malformed, "\(name)", found: "is a damaged GIF: a frame has no colours")
        }
        guard columns > 0, rows > 0, left >= 0, top >= 0, left + columns <= width, top + rows <= height else {
            throw PixNerdError(
                .malformed, "\(name)",
                found: "is a damaged GIF: a frame of \(columns) x \(rows) pixels at (\(left), \(top)) "
                    + "lies outside of its \(width) x \(height)")
        }
        let before = pixels
        let order =
            image.Interlace ? Self.passes.flatMap { Array(stride(from: $0.0, to: rows, by: $0.1)) } : Array(0..<rows)
        var line = [GifPixelType](repeating: 0, count: columns)
        for row in order {
            guard DGifGetLine(reader, &line, Int32(columns)) == GIF_OK else {
                throw gifDamage(reader.pointee.Error, name)
            }
            for column in 0..<columns {
                let index = Int32(line[column])
                guard index != control.TransparentColor, index < map.pointee.ColorCount else { continue }
                let (color, at) = (colors[Int(index)], ((top + row) * width + left + column) * 3)
                (pixels[at], pixels[at + 1], pixels[at + 2]) = (color.Red, color.Green, color.Blue)
            }
        }
        switch control.DisposalMode {
        case DISPOSE_PREVIOUS: after = before
        case DISPOSE_BACKGROUND:
            var cleared = pixels
            for row in top..<top + rows {
                for i in (row * width + left) * 3..<(row * width + left + columns) * 3 { cleared[i] = 0 }
            }
            after = cleared
        default: after = nil
        }
    }

    /// Leaves what the next frame is drawn upon.
    mutating func dispose() {
        if let after { pixels = after }
        after = nil
    }
}
