import PixNerdSupport

/// All images below a root, whatever its layout, ordered by path, and the way to find one by its path.
struct PictureIndex {
    let tree: PictureTree
    /// All folders below the root, sorted by path, and the images in each.
    private(set) var folders: [(listing: FolderListing, images: Range<Int>)] = []
    private(set) var samples: [ImageCollection.Sample] = []
    var leftOut = LeftOut()

    /// Where a path leads.
    enum Place: Equatable {
        /// An image, by its index.
        case image(Int)
        /// A path below the root at which there is no image.
        case nothing
        /// A path that leads out of the root.
        case outside
    }

    /// - Throws: `PixNerdError` if the root cannot be read or there are no images.
    init(_ tree: PictureTree) throws {
        self.tree = tree
        for listing in try tree.foldersBelow(tree.top) {
            let first = samples.count
            samples += leftOut.readable(in: listing).map { tree.sample($0, label: 0) }
            folders.append((listing, first..<samples.count))
        }
        guard !samples.isEmpty else {
            throw PixNerdError(.malformed, "\(tree.root)", found: "holds no image\(leftOut.only)")
        }
    }

    /// The images as a collection with one class.
    ///
    /// - Parameter name: the name of the class.
    func collection(ofClass name: String) -> ImageCollection {
        ImageCollection(root: tree.root, classes: [name], samples: samples, leftOut: leftOut)
    }

    /// Where a path relative to a folder leads.
    func place(of fileName: String, in folder: String) -> Place {
        // Relative to the root, so that a path cannot lead out of it.
        var parts: [Substring.UTF8View] = []
        let below = folder.utf8.dropFirst(min(tree.top.utf8.count, folder.utf8.count))
        for part in Array(below.split(separator: UInt8(ascii: "/"))) + fileName.utf8.split(separator: UInt8(ascii: "/"))
        {
            if part.elementsEqual(".".utf8) { continue }
            if part.elementsEqual("..".utf8) {
                guard parts.popLast() != nil else { return .outside }
            } else {
                parts.append(part)
            }
        }
        guard !fileName.utf8.starts(with: "/".utf8) else { return .outside }
        guard let name = parts.popLast() else { return .nothing }
        let home = parts.reduce(tree.top) { joined($0, String(Substring($1))) }
        guard let number = index(of: home, count: folders.count, { folders[$0].listing.path }) else { return .nothing }
        let images = folders[number].images
        let path = joined(home, String(Substring(name)))
        return index(of: path, count: images.count) { samples[images.lowerBound + $0].name }
            .map { .image(images.lowerBound + $0) } ?? .nothing
    }
}
