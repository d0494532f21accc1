import Foundation
import PixNerdSupport

/// Frames of one size, shown one after the other without end.
public struct Animation: Sendable {
    /// A picture and for how long it is shown.
    public struct Frame: Sendable {
        public let picture: RGBImage
        /// 1 to 65,535.
        public let milliseconds: Int

        public init(_ picture: RGBImage, milliseconds: Int) {
            precondition((1...65_535).contains(milliseconds), "Animation: a frame of \(milliseconds) ms")
            self.picture = picture
            self.milliseconds = milliseconds
        }
    }

    /// The files that animations are written to.
    public enum Format: String, Sendable, CaseIterable {
        /// Animated PNG, without loss.
        case apng
        /// GIF, each frame with the 256 colours that serve it best.
        case gif
    }

    public let frames: [Frame]

    /// - Parameter frames: at least one, all of one size.
    public init(_ frames: [Frame]) {
        precondition(
            !frames.isEmpty
                && frames.allSatisfy {
                    ($0.picture.width, $0.picture.height) == (frames[0].picture.width, frames[0].picture.height)
                }, "Animation: the frames are not of one size")
        self.frames = frames
    }

    /// Writes the animation; a file that is already there is replaced once the new one is whole.
    ///
    /// - Throws: `PixNerdError` where the folder is missing, the file cannot be written, or a GIF would have a side above
    ///   65,535.
    public func write(_ format: Format, to path: String) throws {
        switch format {
        case .apng: try AtomicFile.write(encodedAnimatedPNG(self), to: path, isSynced: false)
        case .gif: try AtomicFile.write(encodedGIF(self, name: path), to: path, isSynced: false)
        }
    }
}
