import PixNerdLayers
import PixNerdSupport
import PixNerdTensors

/// What a ControlNet was trained on, in the metadata of its checkpoint.
public struct ControlRecord: Codable, Equatable, Sendable {
    /// What finds the edges that it was trained on; nil for pictures of a folder.
    public var edges: String?
    /// The checkpoint of the model that it controls.
    public var base: String
    /// `ControlRecord.fingerprint` of that model.
    public var fingerprint: String

    package static let key = "control"

    public init(edges: String?, base: String, fingerprint: String) {
        (self.edges, self.base, self.fingerprint) = (edges, base, fingerprint)
    }

    /// The kind of edges, such as `canny`; nil for pictures of a folder.
    public var kind: String? { edges.map { String($0.prefix { $0 != " " }) } }

    /// A hash of the names and values of a model's tensors without its ControlNet.
    ///
    /// - Throws: the source's error if a tensor cannot be read.
    static func fingerprint(of base: any TensorSource) throws -> String {
        var hash = Fingerprint()
        for name in base.names.filter({ !ControlledTensors.isOfControl($0) }).sorted() {
            hash.add(name)
            hash.add(try base.tensor(name))
        }
        return hash.text
    }
}

extension DenoiserCheckpoint {
    /// What the checkpoint's ControlNet was trained on; nil if it has none or does not say.
    public var controlRecord: ControlRecord? {
        metadata[ControlRecord.key].flatMap { JSON.value(ControlRecord.self, from: $0) }
    }

    /// A hash of these weights without a ControlNet, by which a ControlNet knows the model that it controls.
    ///
    /// - Throws: `PixNerdError` if the weights cannot be read.
    public func baseFingerprint(_ kind: WeightKind) throws -> String {
        try ControlRecord.fingerprint(of: tensors(kind))
    }

    /// The checkpoint with the ControlNet of another one, which takes the place of its own.
    ///
    /// - Parameters:
    ///   - path: A run with a ControlNet or a file of one, of this project's models, or of PixArt as published or in the
    ///     layout of diffusers.
    ///   - kind: The weights of this checkpoint that are controlled.
    /// - Throws: `PixNerdError` if there is no ControlNet, or if it was trained for another model.
    public func controlled(by path: String, _ kind: WeightKind) throws -> DenoiserCheckpoint {
        let other = try DenoiserCheckpoint(path: path)
        let source = try other.tensors(other.preferred(nil))
        guard source.names.contains(where: ControlledTensors.isOfControl) else {
            throw PixNerdError(
                .mismatch, "\(path)", found: "holds no ControlNet: no tensor's name begins with controlnet",
                advice: "name a run that was trained with a control section, or a file of a ControlNet")
        }
        if let record = other.controlRecord, try record.fingerprint != baseFingerprint(kind) {
            throw PixNerdError(
                .mismatch, "\(path)",
                found: "is a ControlNet for \(record.base), and the weights of \(self.path) are others",
                advice: "sample the model that it was trained for")
        }
        return with(control: source, other.controlRecord)
    }
}
