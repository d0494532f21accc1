import PixNerdSupport

/// The frames of a film, of one size and each shown for as long as the others.
public struct Clip: Sendable, Equatable {
    public let frames: [RGBImage]
    /// How long each frame is shown, 1 to 65,535.
    public let milliseconds: Int

    /// The usual duration of a frame in milliseconds, which 24 frames per second come closest to in whole hundredths.
    public static let usualMilliseconds = 40
    /// Fewest frames of a film; a single one is an image.
    public static let leastFrames = 2
    /// Most frames of a film.
    public static let mostFrames = 1 << 16

    /// - Parameter frames: at least one frame, all of one size.
    public init(_ frames: [RGBImage], milliseconds: Int = Clip.usualMilliseconds) {
        precondition(
            !frames.isEmpty && (1...65_535).contains(milliseconds)
                && frames.allSatisfy { ($0.width, $0.height) == (frames[0].width, frames[0].height) },
            "Clip: \(frames.count) frames, not all of one size, or \(milliseconds) ms")
        (self.frames, self.milliseconds) = (frames, milliseconds)
    }

    /// The size of a frame.
    public var size: ImageSize { ImageSize(height: frames[0].height, width: frames[0].width) }

    /// The kinds of files and folders that hold a film.
    public enum Format: Sendable, Equatable {
        /// Frames as image files, in the order of their names.
        case folder
        /// A NumPy archive with one array uint8 [T, H, W, 3].
        case npz
        case animation(Animation.Format)

        /// The format that a name to write to stands for: by its extension, and a folder without one; nil for any other.
        public init?(writing path: String) {
            switch fileExtension(path) {
            case "npz": self = .npz
            case "gif": self = .animation(.gif)
            case "png", "apng": self = .animation(.apng)
            case "": self = .folder
            default: return nil
            }
        }
    }

    /// Checks that frames are those of a film.
    ///
    /// - Throws: `PixNerdError` if there are too few or too many, or one has another size.
    static func checked(_ frames: [RGBImage], names: (Int) -> String, milliseconds: Int, path: String) throws -> Clip {
        guard frames.count >= leastFrames else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "has \(counted(frames.count, "frame"))",
                expected: "at least \(leastFrames)", advice: "encode single images with an image autoencoder")
        }
        let first = frames[0]
        if let odd = frames.firstIndex(where: { ($0.width, $0.height) != (first.width, first.height) }) {
            throw PixNerdError(
                .mismatch, "\(names(odd))", found: "is \(frames[odd].width) x \(frames[odd].height) pixels",
                expected: "\(first.width) x \(first.height), as the first frame is")
        }
        return Clip(frames, milliseconds: min(max(milliseconds, 1), 65_535))
    }

    /// Checks that frames are not too many, and fit into memory.
    ///
    /// - Throws: `PixNerdError` with both numbers if they do not.
    static func checkRoom(_ count: Int, width: Int, height: Int, _ path: String) throws {
        guard count <= mostFrames else {
            throw PixNerdError(
                .unsupported, "\(path)", found: "has \(count) frames", expected: "at most \(mostFrames)")
        }
        try AvailableMemory.expect(
            3 * Double(count) * Double(width) * Double(height),
            for: "\(path), a film of \(count) frames of \(width) x \(height) pixels,",
            advice: "cut it into shorter ones")
    }
}
