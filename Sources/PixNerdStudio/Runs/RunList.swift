import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport

/// The runs and checkpoint files of a folder, by name. Requests name them; no path of a request is ever opened.
struct RunList: Sendable {
    /// Path of the folder.
    let folder: String

    /// A run or a checkpoint file.
    struct Entry: Sendable {
        let id: String
        let path: String
        let changed: Date
        /// Whether it is the directory of a run.
        let isRun: Bool

        var run: RunDirectory { RunDirectory(existing: path) }
    }

    private static let files: Set<String> = ["safetensors", "ckpt", "pt", "pth"]

    /// What is in the folder, newest first.
    func entries() -> [Entry] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.compactMap(entry).sorted { ($0.changed, $0.id) > ($1.changed, $1.id) }
    }

    /// The entry of a name.
    ///
    /// - Throws: `StudioFailure` that lists those that there are.
    func entry(named id: String) throws -> Entry {
        let all = entries()
        if let entry = all.first(where: { $0.id == id }) { return entry }
        let names = listed(all.map(\.id), nearestTo: id, most: 8)
        throw StudioFailure.notFound(
            "There is no run '\(id)'; \(all.isEmpty ? "there is none yet" : "there are \(names)").")
    }

    /// The run of a name.
    func run(named id: String) throws -> Entry {
        let entry = try entry(named: id)
        guard entry.isRun else { throw StudioFailure.notFound("'\(id)' is a file, not a run.") }
        return entry
    }

    private func entry(_ name: String) -> Entry? {
        guard !name.hasPrefix(".") else { return nil }
        let path = "\(folder)/\(name)"
        let manager = FileManager.default
        if isFolder(path) == true {
            let isRun = manager.fileExists(atPath: RunDirectory(existing: path).configurationPath)
            guard isRun || manager.fileExists(atPath: "\(path)/model_index.json") || holdsWeights(path) else {
                return nil
            }
            return Entry(id: name, path: path, changed: Self.changed(path), isRun: isRun)
        }
        guard Self.files.contains(fileExtension(name)) else { return nil }
        return Entry(id: name, path: path, changed: Self.changed(path), isRun: false)
    }

    private func holdsWeights(_ path: String) -> Bool {
        !RunDirectory(existing: path).savedSteps.isEmpty
            || FileManager.default.fileExists(atPath: "\(path)/denoiser.safetensors")
    }

    /// The time of the last line of a run's log, or of the file.
    private static func changed(_ path: String) -> Date {
        let log = RunDirectory(existing: path).metricsPath
        let times = [log, path].compactMap {
            (try? FileManager.default.attributesOfItem(atPath: $0))?[.modificationDate] as? Date
        }
        return times.first ?? .distantPast
    }

    /// The model that a text names. Names of runs may end like steps and kinds of weights.
    func reference(_ text: String) -> ModelReference {
        let names = Set(entries().map(\.id))
        return ModelReference(text) { names.contains($0) }
    }

    /// Path of the checkpoint that a request names.
    ///
    /// - Throws: `StudioFailure` if there is none.
    func checkpoint(_ reference: ModelReference) throws -> String {
        let entry = try entry(named: reference.name)
        guard let step = reference.step else { return entry.path }
        let steps = entry.run.savedSteps
        guard steps.contains(step) else {
            throw StudioFailure.notFound(
                "\(entry.id) has no saved step \(step)"
                    + (steps.isEmpty
                        ? "." : "; there are \(listed(steps.suffix(8).map(String.init), of: steps.count))."))
        }
        return entry.run.stepPath(step)
    }
}
