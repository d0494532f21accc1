/// Draws rows of images on a white sheet, each row with an optional label at its left.
///
/// Labels of more than 24 characters are broken into as many lines as the row is tall; what does not fit is cut.
public enum ImageGrid {
    /// Whether the font has all characters of a label: printable ASCII.
    public static func canDraw(_ label: String) -> Bool { label.utf8.allSatisfy { (32..<127).contains($0) } }

    /// The cell size in pixels up to which small images are enlarged.
    private static let comfortableCell = 64
    /// The maximum number of characters of a line of a label.
    private static let longestLine = 24
    private static let textColor: (UInt8, UInt8, UInt8) = (64, 64, 64)

    /// Draws a grid.
    ///
    /// Each column is as wide as its widest image and each row as tall as its tallest. Smaller images are centred in
    /// their cells.
    ///
    /// - Parameters:
    ///   - rows: the label, if any, and the images of each row. At least one row must have an image.
    ///   - padding: the white gap around images, in pixels of the sheet.
    ///   - scale: the integer factor by which images are enlarged; nil chooses the smallest that brings the largest
    ///     image to at least 64 pixels.
    public static func make(
        rows: [(label: String?, images: [RGBImage])], padding: Int = 2, scale: Int? = nil
    ) -> RGBImage {
        let largest = rows.flatMap(\.images).map { max($0.width, $0.height) }.max()
        guard let largest else { preconditionFailure("ImageGrid: there is no image to draw") }
        let scale = scale ?? max(1, (comfortableCell + largest - 1) / largest)
        precondition(scale > 0 && padding >= 0, "ImageGrid: a scale of \(scale) and a padding of \(padding)")
        let layout = Layout(rows: rows, padding: padding, scale: scale, cell: largest * scale)
        var sheet = RGBImage(width: layout.width, height: layout.height, fill: (255, 255, 255))
        var top = padding
        for (row, height) in zip(rows, layout.rowHeights) {
            if let label = row.label {
                let lineHeight = (BitmapFont.glyphHeight + 1) * layout.textScale
                let lines = lines(of: label, atMost: max(1, height / lineHeight))
                var textTop = top + (height + layout.textScale - lines.count * lineHeight) / 2
                for line in lines {
                    draw(line, on: &sheet, x: layout.labelGap, y: textTop, scale: layout.textScale)
                    textTop += lineHeight
                }
            }
            var left = layout.margin
            for (image, width) in zip(row.images, layout.columnWidths) {
                let x = left + (width - image.width * scale) / 2
                let y = top + (height - image.height * scale) / 2
                draw(image, on: &sheet, x: x, y: y, scale: scale)
                left += width + padding
            }
            top += height + padding
        }
        return sheet
    }

    /// Sheets beside each other, from left to right, aligned at the top on white.
    public static func sideBySide(_ sheets: [RGBImage]) -> RGBImage {
        guard let tallest = sheets.map(\.height).max() else { preconditionFailure("ImageGrid: there is no sheet") }
        var all = RGBImage(width: sheets.reduce(0) { $0 + $1.width }, height: tallest, fill: (255, 255, 255))
        var left = 0
        for sheet in sheets {
            draw(sheet, on: &all, x: left, y: 0, scale: 1)
            left += sheet.width
        }
        return all
    }

    /// Positions and sizes, in pixels of the sheet.
    private struct Layout {
        let textScale: Int
        /// The white space on each side of the labels.
        let labelGap: Int
        /// The left edge of the first column.
        let margin: Int
        let rowHeights: [Int]
        let columnWidths: [Int]
        let width: Int
        let height: Int

        init(rows: [(label: String?, images: [RGBImage])], padding: Int, scale: Int, cell: Int) {
            // Text scales with the images, so that sheets look alike at any size.
            let textScale = max(1, (cell + 32) / 80)
            let longest = rows.compactMap { $0.label.map { min($0.count, longestLine) } }.max() ?? 0
            labelGap = longest == 0 ? 0 : padding + 4 * textScale
            margin = longest == 0 ? padding : 2 * labelGap + BitmapFont.width(ofCharacters: longest) * textScale
            let textHeight = BitmapFont.glyphHeight * textScale
            rowHeights = rows.map { row in
                max(row.label == nil ? 1 : textHeight, (row.images.map(\.height).max() ?? 0) * scale)
            }
            columnWidths = (0..<(rows.map(\.images.count).max() ?? 0)).map { column in
                rows.map { column < $0.images.count ? $0.images[column].width * scale : 0 }.max() ?? 0
            }
            width = margin + columnWidths.reduce(0) { $0 + $1 + padding }
            height = padding + rowHeights.reduce(0) { $0 + $1 + padding }
            self.textScale = textScale
        }
    }

    /// A label in lines, broken at spaces where that is possible. The last line ends in three dots if words are left over.
    private static func lines(of label: String, atMost count: Int) -> [String] {
        guard label.count > longestLine else { return [label] }
        var (lines, rest): ([String], Substring) = ([], label[...])
        while lines.count < count - 1, rest.count > longestLine {
            let line = rest.prefix(longestLine + 1)
            let cut = line.lastIndex(of: " ") ?? rest.index(rest.startIndex, offsetBy: longestLine)
            lines.append(String(rest[..<cut]))
            rest = rest[cut...].drop { $0 == " " }
        }
        return lines + [rest.count <= longestLine ? String(rest) : rest.prefix(longestLine - 3) + "..."]
    }

    /// Draws an image, each of its pixels as a square of `scale` pixels.
    private static func draw(_ image: RGBImage, on sheet: inout RGBImage, x: Int, y: Int, scale: Int) {
        let sheetWidth = sheet.width
        sheet.pixels.withUnsafeMutableBufferPointer { output in
            image.pixels.withUnsafeBufferPointer { input in
                for row in 0..<image.height * scale {
                    var to = ((y + row) * sheetWidth + x) * 3
                    for column in 0..<image.width {
                        let from = (row / scale * image.width + column) * 3
                        for _ in 0..<scale {
                            output[to] = input[from]
                            output[to + 1] = input[from + 1]
                            output[to + 2] = input[from + 2]
                            to += 3
                        }
                    }
                }
            }
        }
    }

    /// Draws a line of text whose upper left corner is (x, y).
    private static func draw(_ text: String, on sheet: inout RGBImage, x: Int, y: Int, scale: Int) {
        for (place, character) in text.enumerated() {
            let left = x + place * BitmapFont.advance * scale
            for (row, bits) in BitmapFont.rows(of: character).enumerated() {
                for column in 0..<BitmapFont.glyphWidth where bits >> column & 1 == 1 {
                    fill(&sheet, x: left + column * scale, y: y + row * scale, side: scale)
                }
            }
        }
    }

    private static func fill(_ sheet: inout RGBImage, x: Int, y: Int, side: Int) {
        for row in y..<y + side {
            for column in x..<x + side {
                let at = (row * sheet.width + column) * 3
                (sheet.pixels[at], sheet.pixels[at + 1], sheet.pixels[at + 2]) = textColor
            }
        }
    }
}
