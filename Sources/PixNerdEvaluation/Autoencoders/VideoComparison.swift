import PixNerdImages
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// Measures how closely video autoencoders reconstruct films, frame by frame, and what each of them costs.
///
/// Films are encoded to the means of their latents and decoded from these. The reconstructions are measured as 8-bit images.
public struct VideoComparison {
    private let checkpoints: [VideoAutoencoderCheckpoint]
    private let films: [(path: String, clip: Clip)]
    private let root: String
    private let bytes: Double?
    private let tile: Int?

    /// Reads the films.
    ///
    /// - Parameters:
    ///   - paths: films, all of one size of frames.
    ///   - root: what the films were found in, for the report.
    ///   - bytes: memory for weights and computation; nil for three quarters of what there is.
    ///   - tile: the side of tiles in pixels; nil for whole frames, or for as large tiles as fit.
    /// - Throws: `PixNerdError` if a film cannot be read, or its frames are of another size than those of the others.
    public init(
        _ checkpoints: [VideoAutoencoderCheckpoint], films paths: [String], root: String, bytes: Double? = nil,
        tile: Int? = nil
    ) throws {
        precondition(!checkpoints.isEmpty && !paths.isEmpty, "VideoComparison: nothing to compare")
        (self.checkpoints, self.root) = (checkpoints, root)
        (self.bytes, self.tile) = (bytes, tile)
        films = try paths.map { ($0, try Clip.read($0)) }
        let size = films[0].clip.size
        if let odd = films.first(where: { $0.clip.size != size }) {
            throw PixNerdError(
                .mismatch, "\(odd.path)",
                found: "has frames of \(odd.clip.size.width) x \(odd.clip.size.height) pixels",
                expected: "\(size.width) x \(size.height), as \(films[0].path) has")
        }
    }

    private var frames: Int { films.reduce(0) { $0 + $1.clip.frames.count } }
    /// Number of frames to reconstruct, for a progress bar.
    public var work: Int { frames * checkpoints.count }

    /// Reconstructs the films with one autoencoder after the other.
    ///
    /// - Parameters:
    ///   - program: the name and version of the program, for the report.
    ///   - progress: receives the number of frames that are reconstructed so far.
    /// - Returns: the report, and the first film beside its reconstructions.
    /// - Throws: `PixNerdError` if an autoencoder cannot be used with these films.
    public func run(
        program: String, progress: (_ frames: Int) -> Void = { _ in }
    ) throws -> (report: AutoencoderComparisonReport, film: Clip) {
        let size = films[0].clip.size
        var done = 0
        var beside = [films[0].clip]
        let entries = try checkpoints.map { checkpoint in
            let model = try checkpoint.load()
            let space = try VideoSpace(model, size: size, bytes: bytes, tile: tile, name: films[0].path)
            var originals = RoundTripOriginals(size, nil)
            var trip = RoundTrip(PlannedVideo(space: space), path: checkpoint.path)
            for (_, clip) in films {
                for piece in model.pieces.pieces(frames: clip.frames.count) {
                    guard let batch = PixelBatch(Array(clip.frames[piece.frames])) else { continue }
                    originals.add(batch)
                    try trip.add(batch, nil)
                    done += batch.count
                    progress(done)
                }
            }
            beside.append(
                Clip(
                    trip.pictures(Array(films[0].clip.frames.indices)), milliseconds: films[0].clip.milliseconds))
            return try entry(checkpoint, model, trip.measures(originals))
        }
        let report = AutoencoderComparisonReport(
            program: program,
            pictures: EvaluationReport.Side(path: root, pictures: frames, unreadable: 0, cropped: 0, isStored: false),
            size: size, batch: checkpoints[0].numbers.piece, threads: Threads.count, features: nil,
            autoencoders: entries)
        return (report, Clip.beside(beside))
    }

    private func entry(
        _ checkpoint: VideoAutoencoderCheckpoint, _ model: VideoAutoencoder, _ measures: [EvaluationReport.Measure]
    ) throws -> AutoencoderComparisonReport.Entry {
        let (size, piece) = (films[0].clip.size, checkpoint.numbers.piece)
        let (spatial, temporal) = (checkpoint.spatial, checkpoint.temporal)
        return AutoencoderComparisonReport.Entry(
            path: checkpoint.path, name: "a video autoencoder, \(model.grid.time) frames for each latent",
            fingerprint: model.fingerprint, parameters: model.parameterCount, reduction: model.grid.space,
            latentChannels: model.latentChannels,
            encodingMultiplyAdds: temporal.encodingMultiplyAdds(frames: piece, of: size, with: spatial) / piece,
            decodingMultiplyAdds: temporal.decodingMultiplyAdds(frames: piece, of: size, with: spatial) / piece,
            measures: measures)
    }
}

/// A video autoencoder for frames of one size, in pieces of which a batch is one.
private struct PlannedVideo: RoundTripModel {
    let space: VideoSpace

    var parameterCount: Int { space.model.parameterCount }

    func means(_ pictures: Tensor) -> (latents: Tensor, divergence: Double?) {
        (space.model.encode(pictures, plan: space.plan), nil)
    }

    func back(_ latents: Tensor, count: Int) -> Tensor {
        space.model.decode(latents, frames: count, plan: space.plan)
    }
}
