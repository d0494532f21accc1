import Foundation
import PixNerdCheckpoints
import PixNerdSupport

extension Clip {
    /// Writes the film. An existing file is replaced once the new one is complete.
    ///
    /// - Throws: `PixNerdError` if it cannot be written, or a folder is not empty.
    public func write(_ format: Format, to path: String) throws {
        switch format {
        case .npz:
            let writer = try NpzWriter(
                path: path, arrays: [NpzWriter.Array("arr_0", .uint8, [frames.count, size.height, size.width, 3])])
            for frame in frames { try writer.append(frame.pixels) }
            try writer.finish()
        case .animation(let format):
            try Animation(frames.map { Animation.Frame($0, milliseconds: milliseconds) }).write(format, to: path)
        case .folder:
            try ShapesDataset.makeFolders([""], in: path)
            for (index, frame) in frames.enumerated() {
                try ImageFile.writePNG(frame, to: "\(path)/frame-\((index + 1).zeroPadded(to: 5)).png")
            }
        }
    }

    /// Frames of films side by side, over as many as the shortest has.
    ///
    /// - Precondition: at least one film, all of one height.
    public static func beside(_ clips: [Clip]) -> Clip {
        precondition(
            !clips.isEmpty && clips.allSatisfy { $0.size.height == clips[0].size.height },
            "Clip.beside: no films of one height")
        let (height, width) = (clips[0].size.height, clips.reduce(0) { $0 + $1.size.width })
        let count = clips.map(\.frames.count).min() ?? 0
        return Clip(
            (0..<count).map { index in
                var pixels: [UInt8] = []
                pixels.reserveCapacity(height * width * 3)
                for row in 0..<height {
                    for clip in clips {
                        let line = 3 * clip.size.width
                        pixels += clip.frames[index].pixels[row * line..<(row + 1) * line]
                    }
                }
                return RGBImage(width: width, height: height, pixels: pixels)
            }, milliseconds: clips[0].milliseconds)
    }
}
