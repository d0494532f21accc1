import Foundation
import PixNerdSupport

/// The directory of a run: `config.yaml`, `metrics.jsonl`, `previews/`, a directory per saved step, `latest`, and
/// `averages/` if the length of an average is to be chosen afterwards.
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
        if manager.fileExists(atPath: path), !isBarelyBegun(path) {
            try WorkLock.expectFree(RunDirectory(existing: path).lockPath, of: "\(path)")
            throw alreadyExists(path)
        }
        do {
            try manager.createDirectory(atPath: "\(path)/previews", withIntermediateDirectories: true)
        } catch {
            throw PixNerdError(.system, "\(path)", found: "cannot be made: \(systemReason(error))")
        }
        return RunDirectory(existing: path)
    }

    private static func alreadyExists(_ path: String) -> PixNerdError {
        PixNerdError(
            .alreadyExists, "\(path)", found: "already exists",
            advice: "continue it with \(Setting.resume), or give the new run another name with "
                + "\(Setting.overrides) name=NAME")
    }

    /// Creates the directory of a new run and takes its lock.
    ///
    /// - Throws: as `create` and `lock` do.
    package static func begin(_ path: String, note: (String) -> Void) throws -> (RunDirectory, WorkLock) {
        let run = try create(path)
        let lock = try run.lock(note: note)
        // Another process may have begun the same run before the lock was taken.
        guard isBarelyBegun(path) else { throw alreadyExists(path) }
        return (run, lock)
    }

    /// Whether a directory is empty, or holds only what `create` makes before a run begins.
    private static func isBarelyBegun(_ path: String) -> Bool {
        let manager = FileManager.default
        let previews = "\(path)/previews"
        guard let names = try? manager.contentsOfDirectory(atPath: path),
            Set(names).isSubset(of: ["previews", lockName])
        else { return false }
        return !names.contains("previews") || (try? manager.contentsOfDirectory(atPath: previews))?.isEmpty == true
    }

    private static let lockName = "run.lock"

    private var lockPath: String { "\(path)/\(Self.lockName)" }

    /// Takes the lock by which one process at a time trains the run.
    ///
    /// - Parameter note: receives a sentence if the lock may not keep others out.
    /// - Throws: `PixNerdError` naming the process that holds it.
    package func lock(note: (String) -> Void) throws -> WorkLock {
        try WorkLock.take(lockPath, of: "\(path)", note: note)
    }

    /// Whether some process trains the run.
    package var isInUse: Bool {
        do {
            try WorkLock.expectFree(lockPath, of: "\(path)")
            return false
        } catch {
            return true
        }
    }

    /// The directory of a saved step.
    public func stepPath(_ step: Int) -> String { "\(path)/\(Self.stepName(step))" }

    /// More steps than any run takes. A larger number is no saved step, and one could not be counted on from it.
    private static let mostSteps = 1_000_000_000_000

    static func stepName(_ step: Int) -> String {
        "step-" + step.zeroPadded(to: 7)
    }

    /// Removes what an interrupted save or removal left behind, and puts back a step that was to be replaced.
    package func removeUnfinished() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] where name.hasSuffix(".partial")
        {
            if name.hasSuffix(Self.replacedSuffix) {
                // Fails if its successor is there.
                let own = "\(path)/\(name.dropLast(Self.replacedSuffix.count))"
                if !FileManager.default.fileExists(atPath: own), rename("\(path)/\(name)", own) == 0 { continue }
            }
            try? FileManager.default.removeItem(atPath: "\(path)/\(name)")
        }
    }

    private static let replacedSuffix = ".replaced.partial"

    /// Removes old saved steps, except those that are being read; they are removed next time.
    ///
    /// - Parameters:
    ///   - keepLast: the number of latest steps to keep; 0 for all.
    ///   - keepEvery: also keeps the steps that are multiples of it; 0 for none.
    package func prune(keepLast: Int, keepEvery: Int) throws {
        guard keepLast > 0 else { return }
        for step in savedSteps.dropLast(keepLast) where keepEvery == 0 || step % keepEvery != 0 {
            try StepReading.unlessRead(stepPath(step)) {
                // Renamed first, so that an interrupted removal never looks like a saved step.
                let going = "\(path)/removing.partial"
                try? FileManager.default.removeItem(atPath: going)
                guard rename(stepPath(step), going) == 0 else {
                    throw PixNerdError(.system, "\(stepPath(step))", found: "cannot be removed: \(systemReason())")
                }
                try FileManager.default.removeItem(atPath: going)
            }
        }
    }

    /// The saved steps, in order, without unfinished saves.
    public var savedSteps: [Int] { Self.steps(in: path) }

    /// The steps that the entries of a directory are named after, in order.
    static func steps(in directory: String) -> [Int] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { name in
            guard name.hasPrefix("step-"), let step = Int(name.dropFirst(5)), stepName(step) == name else {
                return nil
            }
            return step <= mostSteps ? step : nil
        }.sorted()
    }

    /// Saves a step. The directory that `write` fills gets its name only once everything in it is on disk.
    ///
    /// - Returns: a sentence if `latest` could not be pointed at the step, as on file systems without links; nil if it
    ///   was.
    /// - Throws: any error that `write` throws, or `PixNerdError`. Earlier steps are not touched.
    @discardableResult
    public func save(step: Int, _ write: (_ directory: String) throws -> Void) throws -> String? {
        let manager = FileManager.default
        let temporary = "\(path)/saving.partial"
        try? manager.removeItem(atPath: temporary)
        do {
            try manager.createDirectory(atPath: temporary, withIntermediateDirectories: true)
            try write(temporary)
            try AtomicFile.syncDirectory(temporary)
            try replace(stepPath(step), by: temporary)
            let problem = pointLatest(to: step)
            try AtomicFile.syncDirectory(path)
            return problem
        } catch {
            try? manager.removeItem(atPath: temporary)
            throw error
        }
    }

    /// Gives a new step its name. A resumed run may reach a saved step again; the new one then replaces the old one,
    /// which stays until the new one is there.
    private func replace(_ target: String, by temporary: String) throws {
        let old = target + Self.replacedSuffix
        try? FileManager.default.removeItem(atPath: old)
        let isThere = rename(target, old) == 0
        guard isThere || errno == ENOENT, rename(temporary, target) == 0 else {
            let reason = systemReason()
            if isThere { rename(old, target) }
            throw PixNerdError(.system, "\(target)", found: "cannot be written: \(reason)")
        }
        if isThere { try? FileManager.default.removeItem(atPath: old) }
    }

    /// Points the link `latest` at a step. Nothing of the run depends on it, so that a failure is only reported.
    func pointLatest(to step: Int) -> String? {
        let link = "\(path)/latest"
        let temporary = "\(path)/latest.partial"
        unlink(temporary)
        guard symlink(Self.stepName(step), temporary) == 0, rename(temporary, link) == 0 else {
            let reason = systemReason()
            unlink(temporary)
            return "\(link) cannot be pointed at \(Self.stepName(step)): \(reason)"
        }
        return nil
    }
}
