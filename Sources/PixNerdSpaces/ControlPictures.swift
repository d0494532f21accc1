import PixNerdImages
import PixNerdSupport
import PixNerdTensors

/// Control pictures as the data that a model in pixels diffuses.
public enum ControlPictures {
    /// Whether pixels have channels that control pictures can be given for: grey or colours.
    public static func fit(_ format: PixelFormat) -> Bool { format.channelCount == 1 || format.channels == .rgb }

    /// Edges as images, [B, C, H, W]: -1 for none to 1, the same in all channels.
    ///
    /// - Precondition: all have one size.
    public static func tensor(_ edges: [EdgeMap], channels: Int) -> Tensor {
        Tensor(
            edges.flatMap { map in
                let plane = map.values.map { 2 * $0 - 1 }
                return (0..<channels).flatMap { _ in plane }
            }, shape: [edges.count, channels, edges[0].height, edges[0].width])
    }

    /// The edges of images of one size, [B, C, H, W].
    ///
    /// - Throws: `PixNerdError` if they are too small for the network that finds edges.
    public static func edges(
        of images: [RGBImage], _ detector: EdgeDetector, channels: Int
    ) throws -> Tensor {
        func edges(_ place: Int) throws -> EdgeMap { try detector(images[place], name: "An image") }
        // A network uses all threads by itself.
        guard detector.kind != .hed else { return tensor(try images.indices.map(edges), channels: channels) }
        return tensor(
            try parallelMap(images.count) { place in Result { try edges(place) } }.map { try $0.get() },
            channels: channels)
    }
}
