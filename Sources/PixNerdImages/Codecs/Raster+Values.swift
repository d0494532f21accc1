import PixNerdSupport

extension Raster {
    /// Weights of red, green and blue in brightness (ITU-R BT.601), as in Pillow's conversion to grey.
    private static let brightness: [Float] = [0.299, 0.587, 0.114]

    /// Writes the image as 8-bit RGB: grey is repeated, opacity is dropped, and of 16 bits the upper 8 are kept.
    ///
    /// - Parameter output: memory for `height * width * 3` bytes.
    /// - Throws: `PixNerdError` if the values are floats, or the channels are no colours.
    func writeRGB(into output: UnsafeMutablePointer<UInt8>, name: String) throws {
        let colors = channels - (hasAlpha ? 1 : 0)
        guard element != .float32, [1, 3].contains(colors) || channels == 4 else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "has \(counted(channels, "channel")) of \(element.rawValue)",
                expected: "grey or colours of 8 or 16 bits",
                advice: "set data.channels to \(channels) for a model of such images")
        }
        bytes.withUnsafeBytes { bytes in
            for pixel in 0..<width * height {
                for color in 0..<3 {
                    let index = pixel * channels + (colors == 1 ? 0 : color)
                    // The upper byte of 16 bits stands second in memory.
                    output[3 * pixel + color] = element == .uint8 ? bytes[index] : UInt8(value(index, bytes) / 256)
                }
            }
        }
    }

    /// Writes the image as floats in the channels of a format, 0 and 1 at the ends of its range.
    ///
    /// Grey and colours become one another, and what has no opacity is opaque.
    ///
    /// - Parameter output: memory for `height * width * format.channelCount` floats, interleaved.
    /// - Throws: `PixNerdError` if the channels do not fit the format, or a value is not finite.
    func writeValues(_ format: PixelFormat, into output: UnsafeMutablePointer<Float>, name: String) throws {
        guard let sources = sources(format.channels) else {
            throw PixNerdError(
                .mismatch, "\(name)", found: "has \(counted(channels, "channel"))",
                expected: "\(format.channels.description), as data.channels says")
        }
        let range = format.range ?? element.fullRange
        let scale = 1 / (range.upperBound - range.lowerBound)
        let isFinite = bytes.withUnsafeBytes { bytes in
            var isFinite = true
            for pixel in 0..<width * height {
                let first = pixel * channels
                for (channel, source) in sources.enumerated() {
                    let stored: Float
                    switch source {
                    case .channel(let index): stored = value(first + index, bytes)
                    case .brightness:
                        stored = (0..<3).reduce(0) { $0 + Self.brightness[$1] * value(first + $1, bytes) }
                    case .opaque: stored = range.upperBound
                    }
                    isFinite = isFinite && stored.isFinite
                    output[pixel * sources.count + channel] = (stored - range.lowerBound) * scale
                }
            }
            return isFinite
        }
        guard isFinite else {
            throw PixNerdError(.unsupported, "\(name)", found: "has values that are not finite", expected: "numbers")
        }
    }

    /// Where the values of a channel come from.
    private enum Source {
        case channel(Int)
        case brightness
        case opaque
    }

    /// The sources of a format's channels; nil if there is no conversion.
    private func sources(_ wanted: PixelFormat.Channels) -> [Source]? {
        let colors = channels - (hasAlpha ? 1 : 0)
        let rgb: [Source]? =
            colors == 1
            ? [.channel(0), .channel(0), .channel(0)]
            : colors == 3 || channels == 4 ? [.channel(0), .channel(1), .channel(2)] : nil
        switch wanted {
        case .plain(let count): return count == channels ? (0..<count).map { .channel($0) } : nil
        case .grey: return colors == 1 ? [.channel(0)] : rgb == nil ? nil : [.brightness]
        case .rgb: return rgb
        case .rgba:
            return rgb.map { $0 + [hasAlpha || channels == 4 ? .channel(channels - 1) : .opaque] }
        }
    }
}

extension PixelFormat {
    /// The image of a format's pixels, as a file stores them: rounded and clipped to the range for integers, as they are
    /// for floats.
    ///
    /// - Parameters:
    ///   - width: columns.
    ///   - height: rows.
    ///   - value: returns a value by channel and place, row by row, with -1 and 1 at the ends of the range.
    public func raster(width: Int, height: Int, value: (_ channel: Int, _ place: Int) -> Float) -> Raster {
        let range = range ?? element.fullRange
        let half = (range.upperBound - range.lowerBound) / 2
        func stored(_ channel: Int, _ place: Int) -> Float { (value(channel, place) + 1) * half + range.lowerBound }
        let count = channelCount
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * count * element.size) { buffer, filled in
            let memory = UnsafeMutableRawBufferPointer(buffer)
            for place in 0..<width * height {
                for channel in 0..<count {
                    let index = place * count + channel
                    let number = stored(channel, place)
                    // A number that is not one becomes the lower end.
                    let level = number > range.lowerBound ? min(number, range.upperBound) : range.lowerBound
                    switch element {
                    case .uint8: memory[index] = UInt8(max(0, min(level + 0.5, 255)))
                    case .uint16:
                        memory.storeBytes(
                            of: UInt16(max(0, min(level + 0.5, 65_535))), toByteOffset: 2 * index, as: UInt16.self)
                    case .float32: memory.storeBytes(of: number, toByteOffset: 4 * index, as: Float.self)
                    }
                }
            }
            filled = memory.count
        }
        let hasAlpha = if case .rgba = channels { true } else { false }
        return Raster(
            width: width, height: height, channels: count, element: element, hasAlpha: hasAlpha, bytes: bytes)
    }

    /// The image of a format's pixels as it is shown: grey repeated, colours over white where they are not opaque, of other
    /// channels the first three, or the first alone.
    ///
    /// - Parameter value: returns a value by channel and place, row by row, with -1 and 1 at the ends of the range.
    public func shown(width: Int, height: Int, value: (_ channel: Int, _ place: Int) -> Float) -> RGBImage {
        let bytes = [UInt8](unsafeUninitializedCapacity: width * height * 3) { buffer, filled in
            for place in 0..<width * height {
                for color in 0..<3 {
                    var number = value(channelCount < 3 ? 0 : color, place)
                    if case .rgba = channels {
                        let opacity = max(0, min((value(3, place) + 1) / 2, 1))
                        number = number * opacity + 1 - opacity
                    }
                    let level = (number + 1) * 127.5 + 0.5
                    buffer[3 * place + color] = level > 0 ? UInt8(min(level, 255)) : 0
                }
            }
            filled = width * height * 3
        }
        return RGBImage(width: width, height: height, pixels: bytes)
    }
}
