import PixNerdImages

/// Parses an option `--size`: one number for both sides, or HEIGHTxWIDTH.
///
/// - Throws: `CommandError` if it is neither, or has more pixels than an image may have.
func sides(of size: String) throws -> (height: Int, width: Int) {
    let sides = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(sides.count), let height = sides[0], let width = sides[sides.count - 1] else {
        throw CommandError("--size is '\(size)'; expected a number or HEIGHTxWIDTH, such as 256 or 256x384.")
    }
    guard min(height, width) < 1 || height <= ImageFile.maximumPixels / width else {
        throw CommandError("--size is '\(size)'; expected at most \(ImageFile.maximumPixels) pixels in all.")
    }
    return (height, width)
}
