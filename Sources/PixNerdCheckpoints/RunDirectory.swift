import Foundation
import PixNerdSupport

/// The directory of a run: `config.yaml`, `metrics.jsonl`, `previews/`, a directory for each saved step, and `latest`.
public struct RunDirectory: Sendable {
    public let path: String

    public var configurationPath: String { "\(path)/config.yaml" }
    public var metricsPath: String { "\(path)/metrics.jsonl" }
    public var previewsPath: String { "\(path)/previews" }

    /// A directory that is there.
    public init(existing path: String) { self.path = path }

    /// Makes the directory of a new run.
    ///
    /// - Throws: `TrainingError` where something of that name is there already, or it cannot be made.
    public static func create(_ path: String) throws -> RunDirectory {
        let manager = FileManager.default
        if manager.fileExists(atPath: path), (try? manager.contentsOfDirectory(atPath: path))?.isEmpty != true {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "already exists",
                advice: "continue it with \(Setting.resume), or give the new run another name with "
                    + "\(Setting.overrides) name=NAME")
        }
        do {
            try manager.createDirectory(atPath: "\(path)/previews", withIntermediateDirectories: true)
        } catch {
            throw TrainingError("\(path) cannot be made: \(systemReason(error)).")
        }
        return RunDirectory(existing: path)
    }

    /// The directory of a saved step.
    public func stepPath(_ step: Int) -> String { "\(path)/\(Self.stepName(step))" }

    private static func stepName(_ step: Int) -> String {
        "step-" + step.zeroPadded(to: 7)
    }

    /// Removes what a save or a removal that was killed left behind.
    package func removeUnfinished() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasSuffix(".partial")
        {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Removes saved steps, except the last ones and those of every so many steps.
    ///
    /// - Parameters:
    ///   - keepLast: how many are kept; 0 for all.
    ///   - keepEvery: multiples of it are kept besides; 0 for none.
    package func prune(keepLast: Int, keepEvery: Int) throws {
        guard keepLast > 0 else { return }
        for step in savedSteps.dropLast(keepLast) where keepEvery == 0 || step % keepEvery != 0 {
            // Under another name first, so that a removal that is killed half-way never looks like a saved step.
            let going = "\(path)/removing.partial"
            try? FileManager.default.removeItem(atPath: going)
            guard rename(stepPath(step), going) == 0 else {
                throw TrainingError("\(stepPath(step)) cannot be removed: \(systemReason()).")
            }
            try FileManager.default.removeItem(atPath: going)
        }
    }

    /// The saved steps, in order. What an unfinished save left under another name is not among them.
    public var savedSteps: [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), Self.stepName(step) == name else {
                return nil
            }
            return step
        }.sorted()
    }

    /// Saves a step: `write` fills a directory that gets its name only when everything in it is on the disk.
    ///
    /// - Throws: what `write` throws, or `TrainingError`; earlier steps are not touched.
    public func save(step: Int, _ write: (_ directory: String) throws -> Void) throws {
        let manager = FileManager.default
        let temporary = "\(path)/saving.partial"
        try? manager.removeItem(atPath: temporary)
        do {
            try manager.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            try write(temporary)
            try AtomicFile.syncDirectory(temporary)
            let target = stepPath(step)
            // A step that is saved again, after a resumed run came to it once more, takes the place of the old one.
            if manager.fileExists(atPath: target) { try manager.removeItem(atPath: target) }
            try manager.moveItem(atPath: temporary, toPath: target)
            try pointLatest(to: step)
            try AtomicFile.syncDirectory(path)
        } catch {
            try? manager.removeItem(atPath: temporary)
            throw error
        }
    }

    private func pointLatest(to step: Int) throws {
        let link = "\(path)/latest"
        let temporary = "\(path)/latest.partial"
        unlink(temporary)
        guard symlink(Self.stepName(step), temporary) == 0, rename(temporary, link) == 0 else {
            throw TrainingError("\(link) cannot be written: \(systemReason()).")
        }
    }
}
