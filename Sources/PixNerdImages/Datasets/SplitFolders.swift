/// Notices a root whose class folders are the parts of a data set, such as train and val, and not classes.
enum SplitFolders {
    /// A class folder.
    struct Part {
        let name: String
        let top: FolderListing

        var hasPictures: Bool { top.files.contains { PictureExtension(of: $0) == .readable } }
    }

    private static let training = ["train", "training"]
    private static let others = ["val", "valid", "validation", "test", "testing", "dev", "eval"]

    /// A sentence about the layout; nil if the folders look like classes.
    static func remark(_ root: String, _ parts: [Part]) -> String? {
        let names = parts.map { $0.name.lowercased() }
        let areParts = names.allSatisfy { training.contains($0) || others.contains($0) }
        let holdFolders = parts.allSatisfy { !$0.hasPictures && !$0.top.folders.isEmpty }
        let list = parts.prefix(4).map(\.name).joined(separator: ", ") + (parts.count > 4 ? ", ..." : "")
        let suggested = zip(names, parts).first { training.contains($0.0) }?.1 ?? parts[0]
        if holdFolders && (areParts || haveSameFolders(parts)) {
            return "The classes \(list) hold folders and no pictures\(haveSameFolders(parts) ? ", all the same" : ""): "
                + "did you mean \(joined(root, suggested.name))?"
        }
        guard areParts, parts.count > 1 else { return nil }
        return "The classes \(list) look like the parts of a data set, which a model would learn to tell apart; if so, "
            + "name a folder that holds \(suggested.name) alone."
    }

    /// Whether several folders hold the same two or more folders.
    private static func haveSameFolders(_ parts: [Part]) -> Bool {
        let folders = parts.map { $0.top.folders.map { Array($0.utf8) } }
        return parts.count > 1 && folders[0].count > 1 && folders.allSatisfy { $0 == folders[0] }
    }
}
