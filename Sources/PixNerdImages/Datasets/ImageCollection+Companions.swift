import PixNerdSupport

/// Pictures of another folder that belong to the images of a collection by their names.
extension ImageCollection {
    /// The path of an image below the root, without its extension; images and their companions have it in common.
    public func companionStem(of sample: Sample) -> String {
        let below = sample.entry ?? String(decoding: sample.path.utf8.dropFirst(root.utf8.count), as: UTF8.self)
        let path = below.drop { $0 == "/" }
        guard let dot = path.lastIndex(of: "."), !path[dot...].contains("/") else { return String(path) }
        return String(path[..<dot])
    }
}
