/// Height and width of an option `--size`: one number for both, or HEIGHTxWIDTH.
///
/// - Throws: `CommandError` where it is something else.
func sides(of size: String) throws -> (height: Int, width: Int) {
    let sides = size.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(sides.count), let height = sides[0], let width = sides[sides.count - 1] else {
        throw CommandError("--size is '\(size)'; a number or HEIGHTxWIDTH is expected, such as 256 or 256x384.")
    }
    return (height, width)
}
