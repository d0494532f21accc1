import Foundation
import PixNerdSupport

/// The frames of an animated PNG (PNG, third edition, W3C 2025, section 11.3.4): each is made a PNG file of its own and drawn
/// upon what the frames before it left.
struct AnimatedPNG {
    /// A frame's place and duration, and the pieces of its data.
    private struct Part {
        let area: ImageArea
        let milliseconds: Int
        let disposal: UInt8
        let isOver: Bool
        var data: [UnsafeRawBufferPointer] = []
    }

    private let name: String
    private let width: Int
    private let height: Int
    /// The body of the IHDR chunk.
    private let header: [UInt8]
    /// Chunks that each frame needs: colours of a palette, and transparency.
    private var shared: [(kind: String, body: UnsafeRawBufferPointer)] = []
    private var parts: [Part] = []
    /// Whether the picture that other viewers show is a frame.
    private var hasStarted = false

    /// - Returns: nil if the file is no PNG with an animation.
    /// - Throws: `PixNerdError` if it is damaged.
    init?(_ bytes: UnsafeRawBufferPointer, name: String) throws {
        guard bytes.count > 33, bytes.starts(with: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]) else { return nil }
        self.name = name
        header = Array(bytes[16..<29])
        (width, height) = (Self.number(bytes, 16), Self.number(bytes, 20))
        var isAnimated = false
        var at = 8
        while at + 12 <= bytes.count {
            let length = Self.number(bytes, at)
            guard length <= bytes.count - at - 12 else { break }
            let kind = String(decoding: bytes[at + 4..<at + 8], as: UTF8.self)
            let body = UnsafeRawBufferPointer(rebasing: bytes[at + 8..<at + 8 + length])
            switch kind {
            case "acTL": isAnimated = true
            case "PLTE", "tRNS": shared.append((kind, body))
            case "fcTL" where isAnimated: try begin(body)
            case "IDAT" where !parts.isEmpty: parts[parts.count - 1].data.append(body)
            case "fdAT" where !parts.isEmpty && length >= 4:
                parts[parts.count - 1].data.append(UnsafeRawBufferPointer(rebasing: body[4...]))
            default: break
            }
            // What comes before the first frame is not part of the animation.
            if kind == "IDAT", !isAnimated { return nil }
            at += length + 12
        }
        guard isAnimated else { return nil }
        try ImageFile.checkSize(width: width, height: height, bytes: bytes.count, name: name)
        guard !parts.isEmpty, parts.allSatisfy({ !$0.data.isEmpty }) else { throw damage("a frame has no data") }
    }

    private func damage(_ reason: String) -> PixNerdError {
        PixNerdError(.malformed, "\(name)", found: "is a damaged animated PNG: \(reason)")
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ at: Int) -> Int {
        Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    }

    private mutating func begin(_ body: UnsafeRawBufferPointer) throws {
        guard body.count == 26 else { throw damage("a frame's control has \(body.count) bytes") }
        func number(_ at: Int) -> Int { Self.number(body, at) }
        let (columns, rows, left, top) = (number(4), number(8), number(12), number(16))
        guard columns > 0, rows > 0, left + columns <= width, top + rows <= height else {
            throw damage("a frame of \(columns) x \(rows) pixels at (\(left), \(top)) lies outside")
        }
        let (delay, unit) = (Int(body[20]) << 8 | Int(body[21]), Int(body[22]) << 8 | Int(body[23]))
        let milliseconds = 1000 * delay / (unit == 0 ? 100 : unit)
        parts.append(
            Part(
                area: ImageArea(rows: top..<top + rows, columns: left..<left + columns),
                milliseconds: min(max(milliseconds, 1), 65_535), disposal: body[24], isOver: body[25] == 1))
    }

    /// The frames as they are shown, over black.
    ///
    /// - Parameter most: frames that are decoded.
    /// - Throws: `PixNerdError` if a frame cannot be decoded.
    func frames(most: Int) throws -> [Animation.Frame] {
        try Clip.checkRoom(min(most, parts.count), width: width, height: height, name)
        var canvas = Canvas(width: width, height: height)
        return try parts.prefix(most).map { part in
            let file = file(of: part)
            let stored = try file.withUnsafeBytes { bytes in
                let header = try PictureHeader(bytes, name: name)
                return try decodeStoredPNG(bytes, header, name: name)
            }
            let before = canvas
            canvas.draw(stored, in: part.area, isOver: part.isOver)
            let frame = Animation.Frame(canvas.picture, milliseconds: part.milliseconds)
            switch part.disposal {
            case 1: canvas.clear(part.area)
            case 2: canvas = before
            default: break
            }
            return frame
        }
    }

    /// A PNG file of a frame alone.
    private func file(of part: Part) -> [UInt8] {
        var file: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
        func bigEndian(_ number: Int) -> [UInt8] { withUnsafeBytes(of: UInt32(number).bigEndian) { Array($0) } }
        func add(_ kind: String, _ body: [UInt8]) {
            let checked = Array(kind.utf8) + body
            file += bigEndian(body.count) + checked + bigEndian(Int(CyclicChecksum.of(checked)))
        }
        let (columns, rows) = (part.area.columns.count, part.area.rows.count)
        add("IHDR", bigEndian(columns) + bigEndian(rows) + header[8...])
        for chunk in shared { add(chunk.kind, Array(chunk.body)) }
        for data in part.data { add("IDAT", Array(data)) }
        add("IEND", [])
        return file
    }

    /// What is shown, with the opacity of each pixel.
    private struct Canvas {
        let width: Int
        let height: Int
        var pixels: [UInt8]

        init(width: Int, height: Int) {
            (self.width, self.height) = (width, height)
            pixels = [UInt8](repeating: 0, count: 4 * width * height)
        }

        var picture: RGBImage {
            RGBImage(
                width: width, height: height,
                pixels: (0..<width * height).flatMap { at in
                    let opacity = Int(pixels[4 * at + 3])
                    return (0..<3).map { UInt8((Int(pixels[4 * at + $0]) * opacity + 127) / 255) }
                })
        }

        mutating func clear(_ area: ImageArea) {
            for row in area.rows {
                for i in 4 * (row * width + area.columns.lowerBound)..<4 * (row * width + area.columns.upperBound) {
                    pixels[i] = 0
                }
            }
        }

        mutating func draw(_ image: Raster, in area: ImageArea, isOver: Bool) {
            let (channels, size) = (image.channels, image.element.size)
            image.bytes.withUnsafeBytes { bytes in
                for row in area.rows {
                    for column in area.columns {
                        let from = (row - area.rows.lowerBound) * image.width + column - area.columns.lowerBound
                        // Of 16 bits the upper eight; the machine's order of bytes is little-endian.
                        func value(_ channel: Int) -> Int {
                            Int(bytes[(from * channels + channel) * size + size - 1])
                        }
                        let colors = channels < 3 ? [value(0), value(0), value(0)] : [value(0), value(1), value(2)]
                        let opacity = channels % 2 == 0 ? value(channels - 1) : 255
                        let at = 4 * (row * width + column)
                        let below = isOver ? Int(pixels[at + 3]) * (255 - opacity) / 255 : 0
                        let whole = opacity + below
                        for channel in 0..<3 {
                            let mixed =
                                whole == 0 ? 0 : (colors[channel] * opacity + Int(pixels[at + channel]) * below) / whole
                            pixels[at + channel] = UInt8(clamping: mixed)
                        }
                        pixels[at + 3] = UInt8(clamping: whole)
                    }
                }
            }
        }
    }
}

/// The checksum of a PNG's chunks (ISO 3309, CRC-32).
enum CyclicChecksum {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xedb8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~0) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
    }
}
