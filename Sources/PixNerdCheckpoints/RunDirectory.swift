import Foundation
import PixNerdSupport

/// The directory of a run: `config.yaml`, `metrics.jsonl`, `previews/`, a directory per saved step, and `latest`.
public struct RunDirectory: Sendable {
    public let path: String

    public var configurationPath: String { "\(path)/config.yaml" }
    public var metricsPath: String { "\(path)/metrics.jsonl" }
    public var previewsPath: String { "\(path)/previews" }

    /// Refers to an existing directory.
    public init(existing path: String) { self.path = path }

    /// Creates the directory of a new run.
    ///
    /// - Throws: `PixNerdError` if the path exists and is not an empty directory, or cannot be created.
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
            throw PixNerdError(.system, "\(path)", found: "cannot be made: \(systemReason(error))")
        }
        return RunDirectory(existing: path)
    }

    /// The directory of a saved step.
    public func stepPath(_ step: Int) -> String { "\(path)/\(Self.stepName(step))" }

    private static func stepName(_ step: Int) -> String {
        "step-" + step.zeroPadded(to: 7)
    }

    /// Removes what an interrupted save or removal left behind.
    package func removeUnfinished() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasSuffix(".partial")
        {
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    /// Removes old saved steps.
    ///
    /// - Parameters:
    ///   - keepLast: the number of latest steps to keep; 0 for all.
    ///   - keepEvery: also keeps the steps that are multiples of it; 0 for none.
    package func prune(keepLast: Int, keepEvery: Int) throws {
        guard keepLast > 0 else { return }
        for step in savedSteps.dropLast(keepLast) where keepEvery == 0 || step % keepEvery != 0 {
            // Renamed first, so that an interrupted removal never looks like a saved step.
            let going = "\(path)/removing.partial"
            try? FileManager.default.removeItem(atPath: going)
            guard rename(stepPath(step), going) == 0 else {
                throw PixNerdError(.system, "\(stepPath(step))", found: "cannot be removed: \(systemReason())")
            }
            try FileManager.default.removeItem(atPath: going)
        }
    }

    /// The saved steps, in order, without unfinished saves.
    public var savedSteps: [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), Self.stepName(step) == name else {
                return nil
            }
            return step
        }.sorted()
    }

    /// Saves a step. The directory that `write` fills gets its name only once everything in it is on disk.
    ///
    /// - Throws: any error that `write` throws, or `PixNerdError`. Earlier steps are not touched.
    public func save(step: Int, _ write: (_ directory: String) throws -> Void) throws {
        let manager = FileManager.default
        let temporary = "\(path)/saving.partial"
        try? manager.removeItem(atPath: temporary)
        do {
            try manager.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            try write(temporary)
            try AtomicFile.syncDirectory(temporary)
            let target = stepPath(step)
            // A resumed run may reach a saved step again; the new one then replaces the old one.
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
            throw PixNerdError(.system, "\(link)", found: "cannot be written: \(systemReason())")
        }
    }
}
