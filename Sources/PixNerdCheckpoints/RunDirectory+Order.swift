import Foundation
import PixNerdSupport

/// Puts a run in order before it goes on. Nothing is removed.
extension RunDirectory {
    /// Makes `latest` a link again where a copy of the run has a directory, as `cp -rL` and object storage make it.
    ///
    /// - Parameter stepOf: the step that a directory holds; nil if it holds none.
    /// - Returns: a sentence about what was done; nil if nothing was.
    package func settleLatest(stepOf: (_ directory: String) -> Int?) throws -> String? {
        let link = "\(path)/latest"
        var status = stat()
        guard lstat(link, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return nil }
        var place: String?
        if let step = stepOf(link), !savedSteps.contains(step) { place = stepPath(step) }
        let kept = try place.map { place in try move(link, to: place) } ?? moveAside(link)
        _ = savedSteps.last.flatMap { pointLatest(to: $0) }
        return "\(link) was a directory instead of a link; it is kept as \(kept)"
    }

    /// Renames a saved step, so that it no longer counts as one.
    ///
    /// - Returns: its new path.
    package func setAside(step: Int) throws -> String { try moveAside(stepPath(step)) }

    /// Copies the metrics, of which a run that goes on from an earlier step removes the later lines.
    package func keepMetrics() throws {
        guard FileManager.default.fileExists(atPath: metricsPath) else { return }
        do {
            try FileManager.default.copyItem(atPath: metricsPath, toPath: Self.asidePath(of: metricsPath))
        } catch {
            throw PixNerdError(.system, "\(metricsPath)", found: "cannot be copied: \(systemReason(error))")
        }
    }

    func moveAside(_ item: String) throws -> String { try move(item, to: Self.asidePath(of: item)) }

    private func move(_ item: String, to place: String) throws -> String {
        guard rename(item, place) == 0 else {
            throw PixNerdError(.system, "\(item)", found: "cannot be renamed to \(place): \(systemReason())")
        }
        return place
    }

    /// A free path for something that is set aside, such as `step-0000003.aside`.
    private static func asidePath(of item: String) -> String {
        let names = ["\(item).aside"] + (2...10_000).map { "\(item).aside-\($0)" }
        return names.first { !FileManager.default.fileExists(atPath: $0) } ?? "\(item).aside-\(UUID().uuidString)"
    }
}
