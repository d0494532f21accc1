import CPixNerdGIF
import Foundation
import PixNerdSupport

/// The bytes that giflib has written so far.
private final class Sink {
    var bytes: [UInt8] = []
}

/// The bytes of an animated GIF, in which each frame has its own palette.
func encodedGIF(_ animation: Animation, name: String) throws -> [UInt8] {
    let (width, height) = (animation.frames[0].picture.width, animation.frames[0].picture.height)
    guard max(width, height) <= 65_535 else {
        throw PixNerdError(
            .unsupported, "\(name):", found: "the frames have \(width) x \(height) pixels",
            expected: "at most 65535 on each side of a GIF")
    }
    let sink = Sink()
    var problem: Int32 = 0
    return try withExtendedLifetime(sink) {
        let writer = EGifOpen(
            Unmanaged.passUnretained(sink).toOpaque(),
            { file, bytes, count in
                guard let file, let bytes else { return 0 }
                let sink = Unmanaged<Sink>.fromOpaque(file.pointee.UserData).takeUnretainedValue()
                sink.bytes.append(contentsOf: UnsafeBufferPointer(start: bytes, count: Int(count)))
                return count
            }, &problem)
        guard let writer else { throw gifError(problem, name) }
        let isWritten = writeFrames(animation, to: writer, width: Int32(width), height: Int32(height))
        if !isWritten { problem = writer.pointee.Error }
        var closing: Int32 = 0
        let isClosed = EGifCloseFile(writer, &closing) == GIF_OK
        guard isWritten, isClosed else { throw gifError(isWritten ? closing : problem, name) }
        return sink.bytes
    }
}

/// What giflib says of an error.
func gifReason(_ code: Int32) -> String {
    "giflib says \"\(GifErrorString(code).map { String(cString: $0) } ?? "nothing")\""
}

private func gifError(_ code: Int32, _ name: String) -> PixNerdError {
    PixNerdError(.system, "\(name)", found: "cannot be written as GIF: \(gifReason(code))")
}

/// Writes all frames.
///
/// - Returns: whether giflib accepted everything.
private func writeFrames(
    _ animation: Animation, to writer: UnsafeMutablePointer<GifFileType>, width: Int32, height: Int32
) -> Bool {
    EGifSetGifVersion(writer, true)
    guard EGifPutScreenDesc(writer, width, height, 8, 0, nil) == GIF_OK, repeatWithoutEnd(writer) else { return false }
    for frame in animation.frames {
        let palette = Palette(frame.picture, colors: 256)
        guard let map = GifMakeMapObject(256, nil) else { return false }
        defer { GifFreeMapObject(map) }
        for (index, color) in palette.colors.enumerated() {
            map.pointee.Colors[index] = GifColorType(Red: color.red, Green: color.green, Blue: color.blue)
        }
        var indices = palette.indices(of: frame.picture)
        let isWritten =
            showFor(frame.milliseconds, writer) && EGifPutImageDesc(writer, 0, 0, width, height, false, map) == GIF_OK
            && indices.withUnsafeMutableBufferPointer { pixels in
                (0..<Int(height)).allSatisfy { row in
                    EGifPutLine(writer, pixels.baseAddress! + row * Int(width), width) == GIF_OK
                }
            }
        guard isWritten else { return false }
    }
    return true
}

/// Writes the application extension that makes browsers repeat the animation forever.
private func repeatWithoutEnd(_ writer: UnsafeMutablePointer<GifFileType>) -> Bool {
    let forever: [UInt8] = [1, 0, 0]
    return EGifPutExtensionLeader(writer, APPLICATION_EXT_FUNC_CODE) == GIF_OK
        && EGifPutExtensionBlock(writer, 11, "NETSCAPE2.0") == GIF_OK
        && EGifPutExtensionBlock(writer, Int32(forever.count), forever) == GIF_OK
        && EGifPutExtensionTrailer(writer) == GIF_OK
}

private func showFor(_ milliseconds: Int, _ writer: UnsafeMutablePointer<GifFileType>) -> Bool {
    var control = GraphicsControlBlock(
        DisposalMode: DISPOSE_DO_NOT, UserInputFlag: false, DelayTime: Int32((milliseconds + 5) / 10),
        TransparentColor: NO_TRANSPARENT_COLOR)
    var bytes = [UInt8](repeating: 0, count: 4)
    let count = EGifGCBToExtension(&control, &bytes)
    return EGifPutExtension(writer, GRAPHICS_EXT_FUNC_CODE, Int32(count), bytes) == GIF_OK
}
