import Foundation
import PixNerdSupport

/// An endlessly repeating animation with frames of one size.
public struct Animation: Sendable {
    /// An image and its duration.
    public struct Frame: Sendable {
        public let picture: RGBImage
        /// Duration in milliseconds, 1 to 65,535.
        public let milliseconds: Int

        public init(_ picture: RGBImage, milliseconds: Int) {
            precondition((1...65_535).contains(milliseconds), "Animation: a frame of \(milliseconds) ms")
            self.picture = picture
            self.milliseconds = milliseconds
        }
    }

    /// The file formats of animations.
    public enum Format: String, Sendable, CaseIterable {
        /// Animated PNG, lossless.
        case apng
        /// GIF, each frame with its own palette of 256 colours.
        case gif
    }

    public let frames: [Frame]

    /// - Parameter frames: at least one frame, all of one size.
    public init(_ frames: [Frame]) {
        precondition(
            !frames.isEmpty
                && frames.allSatisfy {
                    ($0.picture.width, $0.picture.height) == (frames[0].picture.width, frames[0].picture.height)
                }, "Animation: the frames are not of one size")
        self.frames = frames
    }

    /// Writes the animation. An existing file is replaced once the new one is complete.
    ///
    /// - Throws: `PixNerdError` if the folder is missing, the file cannot be written, or a GIF would have a side above
    ///   65,535.
    public func write(_ format: Format, to path: String) throws {
        switch format {
        case .apng: try AtomicFile.write(encodedAnimatedPNG(self), to: path, isSynced: false)
        case .gif: try AtomicFile.write(encodedGIF(self, name: path), to: path, isSynced: false)
        }
    }
}
