import PixNerdImages
import PixNerdSupport

/// Parses an option `--size`: one number for both sides, or HEIGHTxWIDTH.
///
/// - Throws: `CommandError` if it is neither, or has more pixels than an image may have.
func sides(of size: String) throws -> ImageSize {
    guard let sides = ImageSize(text: size) else {
        throw CommandError("--size is '\(size)'; expected a number or HEIGHTxWIDTH, such as 256 or 256x384.")
    }
    guard sides.shorterSide < 1 || sides.height <= ImageFile.maximumPixels / sides.width else {
        throw CommandError("--size is '\(size)'; expected at most \(ImageFile.maximumPixels) pixels in all.")
    }
    return sides
}
