/// A colour palette for an image, by median cut (Heckbert, "Color image quantization for frame buffer display",
/// SIGGRAPH 1982) over a histogram with five bits per channel.
package struct Palette {
    package struct Color: Equatable {
        package let red: UInt8
        package let green: UInt8
        package let blue: UInt8
    }

    package let colors: [Color]
    /// The index of the colour of each histogram cell that has pixels.
    private let colorOfCell: [UInt8]

    /// A histogram cell, with the number of its pixels and the sums of their levels.
    private struct Cell {
        let index: Int
        var count = 0
        var sums = SIMD3<Int>()

        func level(_ channel: Int) -> Int { sums[channel] / count }
    }

    /// Creates a palette for an image.
    ///
    /// - Parameters:
    ///   - picture: the image.
    ///   - limit: maximum number of colours, 1 to 256.
    package init(_ picture: RGBImage, colors limit: Int) {
        precondition((1...256).contains(limit), "Palette: \(limit) colours")
        var boxes = [Self.cells(of: picture)]
        while boxes.count < limit, let widest = Self.widest(boxes) {
            let (lower, upper) = Self.halves(boxes[widest.box], channel: widest.channel)
            boxes[widest.box] = lower
            boxes.append(upper)
        }
        var colorOfCell = [UInt8](repeating: 0, count: 1 << 15)
        colors = boxes.enumerated().map { place, box in
            for cell in box { colorOfCell[cell.index] = UInt8(place) }
            let count = box.reduce(0) { $0 + $1.count }
            let sums = box.reduce(SIMD3<Int>()) { $0 &+ $1.sums }
            return Color(red: UInt8(sums[0] / count), green: UInt8(sums[1] / count), blue: UInt8(sums[2] / count))
        }
        self.colorOfCell = colorOfCell
    }

    /// The index into `colors` for each pixel of the image that the palette was made for.
    package func indices(of picture: RGBImage) -> [UInt8] {
        let pixels = picture.pixels
        return stride(from: 0, to: pixels.count, by: 3).map { colorOfCell[Self.cell(pixels, $0)] }
    }

    private static func cell(_ pixels: [UInt8], _ at: Int) -> Int {
        Int(pixels[at] >> 3) << 10 | Int(pixels[at + 1] >> 3) << 5 | Int(pixels[at + 2] >> 3)
    }

    private static func cells(of picture: RGBImage) -> [Cell] {
        var cells = (0..<1 << 15).map { Cell(index: $0) }
        let pixels = picture.pixels
        for at in stride(from: 0, to: pixels.count, by: 3) {
            let cell = cell(pixels, at)
            cells[cell].count += 1
            cells[cell].sums &+= SIMD3(Int(pixels[at]), Int(pixels[at + 1]), Int(pixels[at + 2]))
        }
        return cells.filter { $0.count > 0 }
    }

    /// The box to split next and the channel to split it along: those with the largest product of width and number of
    /// pixels; nil if no box has two cells.
    private static func widest(_ boxes: [[Cell]]) -> (box: Int, channel: Int)? {
        var best: (box: Int, channel: Int, score: Int)?
        for (place, box) in boxes.enumerated() where box.count > 1 {
            let pixels = box.reduce(0) { $0 + $1.count }
            for channel in 0..<3 {
                let levels = box.map { $0.level(channel) }
                let width = levels.max()! - levels.min()!
                if width * pixels > best?.score ?? -1 { best = (place, channel, width * pixels) }
            }
        }
        return best.map { ($0.box, $0.channel) }
    }

    /// Splits a box so that each side has half of its pixels, as nearly as the cells allow.
    private static func halves(_ box: [Cell], channel: Int) -> (lower: [Cell], upper: [Cell]) {
        let sorted = box.sorted { ($0.level(channel), $0.index) < ($1.level(channel), $1.index) }
        let half = box.reduce(0) { $0 + $1.count } / 2
        var count = 0
        var cut = 0
        while cut < sorted.count - 1, count + sorted[cut].count <= half || cut == 0 {
            count += sorted[cut].count
            cut += 1
        }
        return (Array(sorted[..<cut]), Array(sorted[cut...]))
    }
}
