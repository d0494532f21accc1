import Foundation
import PixNerdSupport

extension SamplePlan {
    /// Takes the lock by which one process at a time writes this output, beside it as `OUTPUT.lock`.
    ///
    /// - Returns: the lock, and a sentence if it may not keep others out. The lock is nil if it cannot be written; then
    ///   `open` finds the output's own problem, if it has one.
    /// - Throws: `PixNerdError` naming the process that writes the output.
    public func lock() throws -> (lock: WorkLock?, remark: String?) {
        let place = path.hasSuffix("/") ? String(path.dropLast()) : path
        guard FileManager.default.fileExists(atPath: URL(fileURLWithPath: place).deletingLastPathComponent().path)
        else {
            return (nil, nil)
        }
        var remark: String?
        do {
            return (try WorkLock.take("\(place).lock", of: "\(path)") { remark = $0 }, remark)
        } catch let error as PixNerdError where error.kind == .system {
            return (nil, "\(error.description) Nothing keeps a second process from writing \(path) at the same time.")
        }
    }
}
