import PixNerdTensors

/// The tensors of a denoiser followed by those of a ControlNet.
///
/// The names of a ControlNet's tensors begin with `controlnet.`, `controlnet_blocks.` (diffusers), `control_embedder.` or
/// `control_field.`.
/// A file may hold both, and then the denoiser's may begin with `base_model.`, as in published ones of PixArt.
struct ControlledTensors: TensorSource {
    private static let prefixes = ["controlnet.", "controlnet_blocks.", "control_embedder.", "control_field."]
    private static let basePrefix = "base_model."

    let origin: String
    let names: [String]
    /// The source of each tensor, and its name there.
    private let places: [String: (source: any TensorSource, name: String)]

    /// - Parameters:
    ///   - base: the denoiser, whose own ControlNet is left out if there is another.
    ///   - control: a source of which only the ControlNet is taken; nil for that of the base.
    init(_ base: any TensorSource, control: (any TensorSource)? = nil) {
        var (names, places): ([String], [String: (source: any TensorSource, name: String)]) = ([], [:])
        func add(_ source: any TensorSource, where isTaken: (String) -> Bool) {
            for name in source.names where isTaken(name) {
                let own = name.hasPrefix(Self.basePrefix) ? String(name.dropFirst(Self.basePrefix.count)) : name
                if places.updateValue((source, name), forKey: own) == nil { names.append(own) }
            }
        }
        add(base) { control == nil || !Self.isOfControl($0) }
        if let control { add(control, where: Self.isOfControl) }
        origin = base.origin
        (self.names, self.places) = (names, places)
    }

    static func isOfControl(_ name: String) -> Bool { prefixes.contains(where: name.hasPrefix) }

    /// Whether a file has the names of published ones that hold a denoiser and its ControlNet.
    static func isPublished(_ source: any TensorSource) -> Bool {
        source.names.contains { $0.hasPrefix(basePrefix) } && source.names.contains(where: isOfControl)
    }

    func shape(of name: String) -> [Int]? { places[name].flatMap { $0.source.shape(of: $0.name) } }

    func tensor(_ name: String) throws -> Tensor {
        guard let place = places[name] else { preconditionFailure("ControlledTensors: there is no tensor \(name)") }
        return try place.source.tensor(place.name)
    }
}
