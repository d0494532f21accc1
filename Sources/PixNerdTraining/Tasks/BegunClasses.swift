import PixNerdImages
import PixNerdModels
import PixNerdSupport

/// The classes of a run that begins with the weights of a model of other classes: those of the model stay in their
/// places, so that the numbers of classes that users know do not move.
struct BegunClasses {
    /// The names by label.
    let names: [String]
    let rows: ClassRows
    /// The classes of the model that the run does not have.
    private let left: [String]
    private let like: String?

    /// Labels of the classes that the model did not have.
    var new: [Int] { rows.taken.indices.filter { rows.taken[$0] == nil } }

    /// Decides what becomes of the classes of a model.
    ///
    /// - Parameters:
    ///   - known: names of the model's classes by label.
    ///   - own: names of the classes of the images.
    /// - Returns: nil if all rows are taken as they are, whatever the names.
    /// - Throws: `PixNerdError` if there is no class to begin as.
    init?(_ configuration: Configuration, known: [String], own: [String]) throws {
        let start = configuration.start
        let isAsked = start.classes != .auto || !start.like.isEmpty
        guard isAsked || max(own.count, configuration.model.classes) != known.count else { return nil }
        let places = Dictionary(zip(known, known.indices)) { first, _ in first }
        let extends = start.classes == .extend || start.classes == .auto && own.contains { places[$0] != nil }
        var names = extends ? known + own.filter { places[$0] == nil } : own
        // Classes that no image has.
        while names.count < configuration.model.classes { names.append("class \(names.count)") }
        var like: Int?
        if !start.like.isEmpty {
            guard let place = places[start.like] else {
                throw PixNerdError(
                    .notFound, "start.like", found: "is '\(start.like)', which is no class of \(configuration.from)",
                    expected: "one of its classes, such as \(known.prefix(8).joined(separator: ", "))")
            }
            like = place
        }
        self.names = names
        rows = ClassRows(taken: names.map { places[$0] }, like: like)
        left = known.filter { !names.contains($0) }
        self.like = like.map { known[$0] }
    }

    /// Images with the labels of the run's classes.
    ///
    /// - Throws: `PixNerdError` if an image has a class that the run does not have.
    func relabelled(_ images: ImageCollection) -> ImageCollection {
        let places = Dictionary(zip(names, names.indices)) { first, _ in first }
        return images.relabelled(names, labels: images.classes.map { places[$0]! })
    }

    /// What is taken, new and left, as a clause.
    var description: String {
        func text(_ names: [String]) -> String {
            names.isEmpty ? "none" : listed(names.prefix(8), of: names.count)
        }
        let added = new.map { names[$0] }
        let beginning = added.isEmpty ? "" : " (begin as \(like ?? "the mean of all"))"
        return "classes: \(rows.taken.count - added.count) taken, new \(text(added))\(beginning), left \(text(left))"
    }
}
