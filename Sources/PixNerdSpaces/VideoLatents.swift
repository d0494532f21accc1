import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTensors

/// The latents of a film, as a file holds them: `latents` [1, c, t, h, w], normalized, with the number of frames, their duration
/// and the autoencoder in the metadata.
public struct VideoLatents: Sendable {
    /// [t, c, h, w], normalized.
    public let latents: Tensor
    /// Number of frames of the film.
    public let frames: Int
    /// How long each frame is shown.
    public let milliseconds: Int
    /// The fingerprint of the autoencoder that made them; nil if the file does not say.
    public let fingerprint: String?

    private static let tensorName = "latents"
    private static let framesKey = "frames"
    private static let millisecondsKey = "milliseconds"
    private static let fingerprintKey = "video_autoencoder"

    public init(_ latents: Tensor, frames: Int, milliseconds: Int, fingerprint: String?) {
        (self.latents, self.frames) = (latents, frames)
        (self.milliseconds, self.fingerprint) = (milliseconds, fingerprint)
    }

    /// Reads a file.
    ///
    /// - Parameters:
    ///   - asked: number of frames of the film, for a file that does not say; nil for the largest that the latents are of.
    ///   - model: the autoencoder that they are to be decoded with.
    /// - Throws: `PixNerdError` if the file is damaged, or its latents are not those of this autoencoder.
    public init(path: String, frames asked: Int? = nil, for model: VideoAutoencoder) throws {
        let file = try SafetensorsFile(path: path)
        let found = try file.tensor(Self.tensorName)
        guard found.shape.count == 5, found.shape[0] == 1, found.shape[1] == model.latentChannels,
            !found.shape.contains(0)
        else {
            throw PixNerdError(
                .mismatch, "\(path): \(Self.tensorName)", found: "has the shape \(found.shape)",
                expected: "[1, \(model.latentChannels), t, h, w]")
        }
        guard found.isFinite else {
            throw PixNerdError(.notFinite, "\(path): \(Self.tensorName)", found: "are not finite")
        }
        let latents = found.framesOfClip(0)
        func number(_ key: String, _ range: ClosedRange<Int>) throws -> Int? {
            guard let text = file.metadata[key] else { return nil }
            guard let number = Int(text), range.contains(number) else {
                throw PixNerdError(
                    .malformed, "\(path): \(key)", found: "is '\(text)'",
                    expected: "a number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let count =
            try number(Self.framesKey, 1...1 << 24) ?? asked ?? model.pieces.mostFrames(latents: latents.shape[0])
        guard model.pieces.latents(frames: count) == latents.shape[0] else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds \(latents.shape[0]) latents for \(count) frames",
                expected: "\(model.pieces.latents(frames: count))")
        }
        let own = model.fingerprint
        if let made = file.metadata[Self.fingerprintKey], made != own {
            throw PixNerdError(
                .mismatch, "\(path)", found: "was made by another video autoencoder (weights \(made.prefix(8)))",
                expected: "the one that decodes it (weights \(own.prefix(8)))")
        }
        self.init(
            latents, frames: count, milliseconds: try number(Self.millisecondsKey, 1...65_535) ?? 40,
            fingerprint: file.metadata[Self.fingerprintKey])
    }

    /// Writes a file.
    ///
    /// - Throws: `PixNerdError` naming the path if writing fails.
    public func write(to path: String) throws {
        var metadata = [Self.framesKey: "\(frames)", Self.millisecondsKey: "\(milliseconds)"]
        metadata[Self.fingerprintKey] = fingerprint
        try SafetensorsWriter.write([(Self.tensorName, latents.asClip)], metadata: metadata, to: path)
    }
}
