import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// A video autoencoder of Open-Sora 1.2 on disk: a directory with `config.json` and `model.safetensors`, perhaps with the
/// image autoencoder's `config.json` in `spatial`; a run of kind video-autoencoder; or the file of weights.
public struct VideoAutoencoderCheckpoint {
    /// The path of the directory, or of the file.
    public let path: String
    /// The file with the weights.
    public let file: TensorFile
    public let spatial: AutoencoderArchitecture
    public let temporal: TemporalArchitecture
    public let numbers: VideoNumbers
    /// The scale that the image autoencoder's own configuration states; nil without one.
    public let statedScale: LatentScale?
    private let spatialTensors: AutoencoderNames
    private let temporalTensors: TensorSubset

    static let weightsFile = "model.safetensors"
    static let spatialPrefix = "spatial_vae.module."
    static let temporalPrefix = "temporal_vae."
    /// Names of the tensors of `VideoNumbers.channels`.
    static let shiftName = "shift"
    static let scaleName = "scale"
    /// The directory of the image autoencoder's configuration.
    static let spatialFolder = "spatial"

    /// Opens a directory or a file.
    ///
    /// The weights' own factor is kept, whatever the image autoencoder's configuration states: 0.18215 in the published
    /// file, and in those of this program the `spatial_factor` of `config.json`.
    ///
    /// - Throws: `PixNerdError` that names the path and what was found there; other versions of Open-Sora's autoencoder are
    ///   named.
    public init(path: String) throws {
        guard let place = Self.place(path) else {
            throw PixNerdError(
                .notFound, "\(path)", found: "is not a video autoencoder",
                expected: "a directory with config.json and \(Self.weightsFile), or that file")
        }
        let configuration = try Self.configuration(place.directory)
        if let other = configuration?.otherVersion { throw Self.refusal(other, path) }
        let file = try TensorFile.open(path: place.file)
        if let other = Self.otherVersion(file.names) { throw Self.refusal(other, path) }
        (self.path, self.file) = (place.path, file)
        let spatialTensors = AutoencoderNames(TensorSubset(file, prefix: Self.spatialPrefix))
        let temporalTensors = TensorSubset(file, prefix: Self.temporalPrefix)
        (self.spatialTensors, self.temporalTensors) = (spatialTensors, temporalTensors)
        let own = "\(place.directory)/\(Self.spatialFolder)/config.json"
        if FileManager.default.fileExists(atPath: own) {
            let (architecture, scale) = try AutoencoderConfiguration(origin: own, json: configurationText(own)).read()
            (spatial, statedScale) = (architecture, scale)
        } else {
            (spatial, statedScale) = (try AutoencoderArchitecture(readFrom: spatialTensors), nil)
        }
        temporal = try TemporalArchitecture(readFrom: temporalTensors, groups: configuration?.groups ?? 32)
        guard temporal.channels == spatial.latentChannels else {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "has a temporal part for \(temporal.channels) channels, and an image autoencoder of "
                    + "\(spatial.latentChannels)", expected: "equal numbers")
        }
        numbers = try Self.numbers(configuration, file, temporal)
        try Self.check(file)
    }

    /// What of a configuration states something else than is used, as one sentence; nil if nothing does.
    public var scaleWarning: String? {
        guard let stated = statedScale, stated.factor != numbers.spatialFactor else { return nil }
        func owner(_ factor: Float) -> String {
            VideoNumbers.knownFactors.first { $0.factor == factor }.map { ", that of \($0.name)" } ?? ""
        }
        let factor = numbers.spatialFactor
        return
            "\(path)/\(Self.spatialFolder)/config.json states the scaling_factor \(stated.factor)\(owner(stated.factor)), "
            + "and these weights were trained with \(factor)\(owner(factor)), which is kept."
    }

    /// Whether `path` looks like a video autoencoder, of whatever version.
    public static func isVideoAutoencoder(path: String) -> Bool {
        guard let place = place(path) else { return false }
        if let configuration = try? configuration(place.directory), configuration.isOfVideo { return true }
        guard let file = try? TensorFile.open(path: place.file) else { return false }
        return file.names.contains { $0.hasPrefix(temporalPrefix) } || otherVersion(file.names) != nil
    }

    /// Loads the model.
    ///
    /// - Throws: `CheckpointMismatch` with missing, unexpected and misshapen tensors, or `PixNerdError` that names a
    ///   tensor with values that are not finite.
    public func load() throws -> VideoAutoencoder {
        let model = VideoAutoencoder(
            spatial: try Autoencoder(spatial, loading: spatialTensors),
            temporal: try TemporalAutoencoder(temporal, loading: temporalTensors), numbers: numbers)
        let parameters = model.spatial.parameters + model.temporal.parameters
        if let bad = parameters.first(where: { !$0.value.isFinite }) {
            throw PixNerdError(
                .notFinite, "\(file.path): the weights \(bad.name)", found: "are not finite", advice: "use another file"
            )
        }
        return model
    }

    /// The places of a directory of weights, or of a file: the path that messages name, the file, and the directory of the
    /// configurations; nil if there are no weights.
    private static func place(_ path: String) -> (path: String, file: String, directory: String)? {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else { return nil }
        guard isDirectory.boolValue else { return (path, path, (path as NSString).deletingLastPathComponent) }
        for directory in [path, path + "/latest"] {
            let file = "\(directory)/\(weightsFile)"
            guard FileManager.default.fileExists(atPath: file) else { continue }
            // "latest" is a link whose target changes during a run.
            let link = try? FileManager.default.destinationOfSymbolicLink(atPath: directory)
            let resolved = link.map { "\((directory as NSString).deletingLastPathComponent)/\($0)" } ?? directory
            return (resolved, "\(resolved)/\(weightsFile)", resolved)
        }
        return nil
    }

    private static func numbers(
        _ configuration: VideoConfiguration?, _ file: TensorFile, _ temporal: TemporalArchitecture
    ) throws -> VideoNumbers {
        func values(_ name: String, _ stated: [Float]?) throws -> [Float] {
            let values = try file.shape(of: name).map { _ in try file.tensor(name).values } ?? stated ?? []
            guard values.count == temporal.latentChannels, values.allSatisfy(\.isFinite),
                name == shiftName || values.allSatisfy({ $0 > 0 })
            else {
                throw PixNerdError(
                    .malformed, "\(file.path): \(name)", found: "is \(values)",
                    expected:
                        "\(temporal.latentChannels) finite numbers\(name == scaleName ? ", all of them positive" : "")"
                )
            }
            return values
        }
        let factor = configuration?.spatialFactor ?? VideoNumbers.openSoraFactor
        let piece = configuration?.piece ?? VideoNumbers.openSoraPiece
        guard factor.isFinite, factor > 0 else {
            throw PixNerdError(
                .invalidValue, "\(file.path): spatial_factor", found: "is \(factor)", expected: "a positive number")
        }
        try require("\(file.path): micro_frame_size", piece, in: 1...(1 << 16))
        return VideoNumbers(
            spatialFactor: factor,
            channels: ChannelNormalization(
                shift: try values(shiftName, configuration?.shift), scale: try values(scaleName, configuration?.scale)),
            piece: piece)
    }

    /// Refuses a file that has other tensors than those of the parts and their numbers.
    private static func check(_ file: TensorFile) throws {
        let unknown = file.names.filter {
            !$0.hasPrefix(spatialPrefix) && !$0.hasPrefix(temporalPrefix) && ![shiftName, scaleName].contains($0)
        }
        guard !unknown.isEmpty else { return }
        let more = unknown.count > 1 ? " and \(unknown.count - 1) more tensors" : ""
        throw PixNerdError(
            .mismatch, "\(file.path)", found: "holds \(unknown[0])\(more), which a video autoencoder does not use",
            expected: "\(spatialPrefix)*, \(temporalPrefix)*, \(shiftName) and \(scaleName)")
    }
}
