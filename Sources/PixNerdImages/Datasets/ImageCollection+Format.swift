/// The kind of pixels that a collection has.
extension ImageCollection {
    /// Number of images whose headers are read.
    private static let sampled = 256

    /// The channels and values that most fit the images, judged by the headers of evenly spread ones: grey if all are grey,
    /// as many channels as all have if those are no colours, else colours; 16 bits or floats if all have them. Opacity does
    /// not count: most files that have it do not use it.
    public var usualFormat: PixelFormat {
        let headers = headers(Self.sampled)
        guard let first = headers.first else { return .rgb8 }
        let element = headers.allSatisfy { $0.element == first.element } ? first.element : .uint8
        if headers.allSatisfy({ $0.color == .grey }) { return PixelFormat(.grey, element) }
        if first.color == .other, headers.allSatisfy({ $0.color == .other && $0.channels == first.channels }) {
            return PixelFormat(.plain(first.channels), element)
        }
        return PixelFormat(.rgb, element)
    }
}
