import PixNerdImages
import PixNerdSpaces
import PixNerdSupport

/// The arrangement of sampled images on a sheet: a row for each class or text, or else about a square.
struct SheetLayout {
    /// The label, if any, and the indices of the images of each row.
    let rows: [(label: String?, places: [Int])]
    /// Height and width of an image in pixels.
    private let size: (height: Int, width: Int)

    /// Maximum number of rows, and of images in a row, for rows by class; more would be a strip that nobody can look at.
    private static let longestSide = 128
    /// Maximum number of single images with captions that stand in one column.
    private static let rowsOfColumn = 8
    /// Number of characters of the longest label that a sheet shows, and their widths in pixels at text scale 1.
    private static let (labelCharacters, characterWidth, textHeight) = (24, 6, 10)
    /// White pixels between images.
    private static let padding = 2

    /// Arranges the images of some requests.
    ///
    /// Rows by class need requests that are listed class by class, or equally many of each class, as `RequestList`
    /// makes them.
    ///
    /// - Parameters:
    ///   - size: Height and width of an image in pixels.
    ///   - name: Returns the label of a request's row; what the sheet's font lacks is left out.
    init(
        _ requests: ArraySlice<PictureRequest>, size: (height: Int, width: Int), _ name: (PictureRequest) -> String
    ) {
        self.size = size
        var places: [String: [Int]] = [:]
        var (names, runs): ([String], Int) = ([], 0)
        var last: String?
        for (place, request) in requests.enumerated() {
            let name = name(request)
            if places[name] == nil { names.append(name) }
            if name != last { runs += 1 }
            last = name
            places[name, default: []].append(place)
        }
        let counts = places.values.map(\.count)
        let (least, most) = (counts.min() ?? 0, counts.max() ?? 0)
        if runs == names.count || most - least <= 1, max(names.count, most) <= Self.longestSide {
            rows = names.map { (label: ImageGrid.canDraw($0) ? $0 : nil, places: places[$0] ?? []) }
        } else {
            rows = Self.square(requests.count, size: size).map { (label: nil, places: Array($0)) }
        }
    }

    /// Rows of about a square, in the order of the requests.
    private static func square(_ count: Int, size: (height: Int, width: Int)) -> [Range<Int>] {
        let ideal = (Double(count) * Double(size.height) / Double(size.width)).squareRoot().rounded(.up)
        let columns = min(max(Int(ideal), 1), count)
        return stride(from: 0, to: count, by: columns).map { $0..<min($0 + columns, count) }
    }

    /// The sheet.
    func sheet(_ pictures: [RGBImage]) -> RGBImage {
        let drawn = rows.map { row in (label: row.label, images: row.places.map { pictures[$0] }) }
        guard rows.count > Self.rowsOfColumn, rows.allSatisfy({ $0.label != nil && $0.places.count == 1 }) else {
            return ImageGrid.make(rows: drawn)
        }
        // Single images with captions would be a strip. A caption is about twice as wide as an image.
        let columns = max(1, Int((Double(rows.count) / 3).squareRoot().rounded()))
        let tall = (rows.count + columns - 1) / columns
        return ImageGrid.sideBySide(
            stride(from: 0, to: drawn.count, by: tall).map { ImageGrid.make(rows: Array(drawn[$0...].prefix(tall))) })
    }

    /// Checks that the sheet is no larger than an image may be.
    ///
    /// - Parameters:
    ///   - path: The path of the sheet.
    ///   - columns: Number of images that stand for each one, such as the steps of a trajectory.
    ///   - advice: What to do if it is too large.
    func expectDrawable(_ path: String, columns: Int = 1, advice: ErrorText) throws {
        let scale = ImageGrid.scale(forSide: max(size.height, size.width))
        let textScale = max(1, (max(size.height, size.width) * scale + 32) / 80)
        let label =
            rows.contains { $0.label != nil }
            ? Self.labelCharacters * Self.characterWidth * textScale + 2 * (Self.padding + 4 * textScale) : 0
        // In floating point, which does not overflow.
        let across = Double((rows.map(\.places.count).max() ?? 0)) * Double(columns)
        let width = Double(label) + across * Double(size.width * scale + Self.padding)
        let height = Double(rows.count) * Double(max(size.height * scale, Self.textHeight * textScale) + Self.padding)
        guard width * height <= Double(ImageFile.maximumPixels) else {
            let count = rows.reduce(0) { $0 + $1.places.count }
            throw PixNerdError(
                .invalidValue, "\(path)",
                found: "would be a sheet of \(count) images with more than \(ImageFile.maximumPixels) pixels",
                advice: advice)
        }
    }
}

extension ImageGrid {
    /// The factor by which a sheet enlarges images, up to about 64 pixels.
    fileprivate static func scale(forSide side: Int) -> Int { max(1, (64 + side - 1) / side) }
}
