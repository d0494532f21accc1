import Foundation
import PixNerdImages
import PixNerdSupport

/// The images that a run trains on, and those that are held out from training to measure their loss.
struct Holdout {
    /// The images of `data.root`.
    let all: ImageCollection
    /// The images that are trained on.
    let trained: ImageCollection
    /// Indices into `all` of the images that are trained on, ascending; nil for all.
    let trainedPlaces: [Int]?
    /// The collection of the held-out images, which is `all` for a share of them; nil if none are held out.
    let source: ImageCollection?
    /// Indices into `source` of the held-out images, ascending.
    let places: [Int]
    private let seed: UInt64

    /// Whether the held-out images are a share of those of `data.root`.
    var isShare: Bool { trainedPlaces != nil }

    /// Chooses or finds the held-out images that a configuration asks for.
    ///
    /// - Parameters:
    ///   - all: the images of `data.root`.
    ///   - open: opens a collection as that of `data.root` was opened.
    /// - Throws: `PixNerdError` if there are too few images, or if the others do not fit.
    init(
        _ configuration: Configuration, _ all: ImageCollection, open: (_ root: String) throws -> ImageCollection
    ) throws {
        let data = configuration.data
        (self.all, seed) = (all, configuration.seed)
        guard data.holdoutRoot.isEmpty || data.holdout == 0 else {
            throw PixNerdError(
                .mismatch, "data.holdout_root", found: "is set, but data.holdout is set, too",
                advice: "remove one of them")
        }
        guard data.holdout > 0 else {
            (trained, trainedPlaces) = (all, nil)
            source = try Self.others(data.holdoutRoot, all, open)
            places = source.map { Array($0.samples.indices) } ?? []
            return
        }
        let wanted = max(1, Int((Double(data.holdout) * Double(all.samples.count)).rounded()))
        places = RankedImages(all, seed: configuration.seed).first(wanted, sparing: 1).sorted()
        guard !places.isEmpty else {
            throw PixNerdError(
                .mismatch, "data.holdout", found: "is set, but no class of \(all.root) has more than one image",
                advice: "add images, set data.holdout_root to other images of these classes, or remove it")
        }
        var isHeldOut = [Bool](repeating: false, count: all.samples.count)
        for place in places { isHeldOut[place] = true }
        let rest = all.samples.indices.filter { !isHeldOut[$0] }
        (trained, trainedPlaces, source) = (all.subset(rest), rest, all)
    }

    /// Opens the images of `data.holdout_root`; nil if it is empty.
    private static func others(
        _ root: String, _ all: ImageCollection, _ open: (_ root: String) throws -> ImageCollection
    ) throws -> ImageCollection? {
        guard !root.isEmpty else { return nil }
        let found: ImageCollection
        do {
            found = try open(root)
        } catch let error as PixNerdError {
            throw error.about("data.holdout_root:")
        }
        let trained = Set(all.files)
        if let both = found.files.first(where: trained.contains) {
            throw PixNerdError(
                .mismatch, "data.holdout_root \(root)",
                found: "holds images that are trained on: \(both) is in data.root, too",
                advice: "set it to other images, or set data.holdout to keep a share of data.root")
        }
        guard found.labelSets == nil || all.labelSets != nil else {
            throw PixNerdError(
                .mismatch, "data.holdout_root \(root)",
                found: "has images with several classes or none, and each image of \(all.root) has one",
                advice: "hold out images of single classes")
        }
        // Without captions, images in any folders have one class, which is named after the root.
        let hasClasses = all.captions == nil && all.classes != [all.root]
        let labels = Dictionary(zip(all.classes, all.classes.indices)) { first, _ in first }
        return found.relabelled(
            all.classes,
            labels: try found.classes.map { name in
                guard let label = labels[name] ?? (hasClasses ? nil : 0) else {
                    throw PixNerdError(
                        .mismatch, "data.holdout_root \(root)",
                        found: "has the class \(name), which \(all.root) does not have",
                        advice: "hold out images of the classes that are trained")
                }
                return label
            })
    }

    /// A batch of the images that are trained on, with indices into `all`.
    func inAll(_ batch: LoadedBatch) -> LoadedBatch { trainedPlaces.map(batch.reindexed) ?? batch }

    /// The held-out images in the order of their ranks, at most `count` of them, with the classes as in all.
    func measured(_ count: Int) -> [Int] {
        guard let source else { return [] }
        return RankedImages(source.subset(places), seed: seed).first(min(count, places.count)).map { places[$0] }
    }

    /// The images that are trained on, as indices into `all`, by label in the order of their ranks.
    var rankedTrained: [[Int]] {
        RankedImages(trained, seed: seed).places.map { $0.map { place in trainedPlaces?[place] ?? place } }
    }

    /// Fingerprint of the names of the held-out images; nil if there are none.
    var fingerprint: String? {
        guard let source else { return nil }
        var fingerprint = Fingerprint()
        for place in places { fingerprint.add(source.shortName(source.samples[place])) }
        return fingerprint.text
    }

    /// The held-out images in words; nil if there are none.
    func description(_ training: Configuration.TrainingSection) -> String? {
        guard let source else { return nil }
        let measured =
            training.holdoutEvery == 0
            ? "never measured" : "measured every \(counted(training.holdoutEvery, "step")) on \(training.holdoutImages)"
        return counted(places.count, "image") + (isShare ? "" : " of \(source.root)") + ", \(measured)"
    }
}

extension ImageCollection {
    /// The files of the images, or the shards that they are in, with the links in the root's path resolved.
    fileprivate var files: [String] {
        let resolved = resolvedPath(root)
        var shards: [String: String] = [:]
        return samples.map { sample in
            guard sample.entry == nil, sample.path.utf8.starts(with: root.utf8) else {
                if let known = shards[sample.path] { return known }
                let path = resolvedPath(sample.path)
                shards[sample.path] = path
                return path
            }
            let below = String(decoding: sample.path.utf8.dropFirst(root.utf8.count), as: UTF8.self)
            return "\(resolved)/\(below.drop { $0 == "/" })"
        }
    }
}
