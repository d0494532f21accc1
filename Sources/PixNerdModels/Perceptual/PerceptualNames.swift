import PixNerdTensors

/// The tensors of a perceptual distance under torchvision's VGG16 names (`features.0.weight`) and `lin0.weight`.
///
/// It reads torchvision's file, the state dict of the `lpips` package (`net.slice1.0.weight`, `lin0.model.1.weight`,
/// `lins.0.model.1.weight`), and combinations of both. Torchvision's classifier and the constants of LPIPS'
/// normalisation are ignored.
struct PerceptualNames: TensorSource {
    private let source: any TensorSource
    /// Names in the file, by names of this source.
    private let storedNames: [String: String]
    let names: [String]

    init(_ source: any TensorSource) {
        self.source = source
        var (storedNames, names): ([String: String], [String]) = ([:], [])
        for stored in source.names {
            guard let name = Self.name(of: stored), storedNames[name] == nil else { continue }
            storedNames[name] = stored
            names.append(name)
        }
        self.storedNames = storedNames
        self.names = names
    }

    var origin: String { source.origin }

    func shape(of name: String) -> [Int]? { storedNames[name].flatMap { source.shape(of: $0) } }

    func tensor(_ name: String) throws -> Tensor { try source.tensor(storedNames[name] ?? name) }

    /// The name for a name in the file; nil if the tensor is ignored.
    private static func name(of stored: String) -> String? {
        if stored.hasPrefix("classifier.") || stored.hasPrefix("scaling_layer.") { return nil }
        if let found = stored.wholeMatch(of: /net\.slice[1-5]\.([0-9]+\.(?:weight|bias))/) {
            return "features.\(found.1)"
        }
        // The lpips package stores the same weights under both names.
        if let found = stored.wholeMatch(of: /lins?\.?([0-4])\.model\.1\.weight/) { return "lin\(found.1).weight" }
        return stored
    }
}
