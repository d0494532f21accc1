import PixNerdTensors

/// The tensors of a perceptual distance under torchvision's names of VGG16 (`features.0.weight`) and `lin0.weight`,
/// whatever a file calls them.
///
/// Known are torchvision's own file, the state dict of the `lpips` package (`net.slice1.0.weight`, `lin0.model.1.weight`,
/// `lins.0.model.1.weight`), and files that have both put together. What such files hold beside is passed over:
/// torchvision's classifier, and the constants by which LPIPS scales pictures.
struct PerceptualNames: TensorSource {
    private let source: any TensorSource
    /// The name in the file for each of ours.
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

    /// nil for what is passed over.
    private static func name(of stored: String) -> String? {
        if stored.hasPrefix("classifier.") || stored.hasPrefix("scaling_layer.") { return nil }
        if let found = stored.wholeMatch(of: /net\.slice[1-5]\.([0-9]+\.(?:weight|bias))/) {
            return "features.\(found.1)"
        }
        // The package holds the same weights under both names.
        if let found = stored.wholeMatch(of: /lins?\.?([0-4])\.model\.1\.weight/) { return "lin\(found.1).weight" }
        return stored
    }
}
