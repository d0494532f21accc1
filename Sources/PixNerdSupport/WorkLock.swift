import Foundation

/// A lock by which one process at a time works on something on disk, such as a run or an output.
///
/// It is an advisory lock (flock) on a file. The system releases it when the process ends, however it ends, so that a
/// crash leaves nothing that keeps later processes out. The file names the process, and is removed with the lock.
public final class WorkLock: Sendable {
    private let path: String
    /// Descriptor of the locked file; nil if the file system has no locks.
    private let descriptor: Int32?

    /// Takes a lock and holds it for the life of the object.
    ///
    /// - Parameters:
    ///   - path: the lock's file, in an existing folder.
    ///   - subject: what the lock protects, such as the path of a run, for messages.
    ///   - note: receives a sentence if the lock may not keep others out.
    /// - Throws: `PixNerdError` naming host, process and start time of the holder, or why there can be no lock.
    public static func take(_ path: String, of subject: ErrorText, note: (String) -> Void) throws -> WorkLock {
        // A holder that ends removes the file, so a lock may turn out to be one of a file that is gone.
        for _ in 0..<1000 {
            let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o666)
            guard descriptor >= 0 else {
                throw PixNerdError(.system, "\(path)", found: "cannot be written: \(systemReason())")
            }
            do {
                switch lockFile(descriptor) {
                case .taken where isSame(descriptor, path):
                    try sign(descriptor, path, note)
                    return WorkLock(path, descriptor)
                case .taken: close(descriptor)
                case .held: throw refusal(subject, LockHolder(waitingFor: descriptor))
                case .unsupported(let reason):
                    note(
                        "\(path) cannot be locked (\(reason)), so nothing keeps a second process from working on "
                            + "\(subject.text(naming: \.rawValue)) at the same time")
                    if size(descriptor) == 0 { unlink(path) }
                    close(descriptor)
                    return WorkLock(path, nil)
                }
            } catch {
                close(descriptor)
                throw error
            }
        }
        throw refusal(subject, nil)
    }

    /// Checks that no other process holds a lock, without leaving a file.
    ///
    /// - Throws: `PixNerdError` naming the holder.
    package static func expectFree(_ path: String, of subject: ErrorText) throws {
        let descriptor = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        if case .held = lockFile(descriptor) { throw refusal(subject, LockHolder(waitingFor: descriptor)) }
    }

    private init(_ path: String, _ descriptor: Int32?) { (self.path, self.descriptor) = (path, descriptor) }

    deinit {
        guard let descriptor else { return }
        // Before the lock is released, so that no other process can have taken a lock on this file in between.
        if Self.isSame(descriptor, path) { unlink(path) }
        close(descriptor)
    }

    private static func refusal(_ subject: ErrorText, _ holder: LockHolder?) -> PixNerdError {
        PixNerdError(
            .alreadyExists, subject, found: "is in use by \(holder?.text ?? "another process")",
            advice: "wait until that process ends, or stop it")
    }

    /// Writes this process into the locked file.
    private static func sign(_ descriptor: Int32, _ path: String, _ note: (String) -> Void) throws {
        if size(descriptor) > 0 {
            guard let earlier = LockHolder(descriptor) else {
                throw PixNerdError(
                    .alreadyExists, "\(path)", found: "is not a lock of this program", expected: "a free name",
                    advice: "move it away")
            }
            // A crash left it there; but locks of some network file systems do not reach other machines.
            if earlier.host != LockHolder.current.host {
                note(
                    "\(path) was left by \(earlier.text); if that process still runs, locks do not reach this "
                        + "machine, and one of the two must be stopped")
            }
        }
        ftruncate(descriptor, 0)
        // On a full disk the lock holds too; it only cannot say whose it is.
        let text = (try? JSON.text(LockHolder.current)) ?? ""
        _ = text.utf8CString.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count - 1, 0) }
    }

    private static func size(_ descriptor: Int32) -> Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Whether a path still leads to an open file.
    package static func isSame(_ descriptor: Int32, _ path: String) -> Bool {
        var (own, found) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && lstat(path, &found) == 0 && own.st_ino == found.st_ino
            && own.st_dev == found.st_dev
    }
}

/// The outcome of locking a file.
package enum FileLocking {
    case taken
    /// Another process holds a lock that excludes this one.
    case held
    /// The system's reason why there are no locks.
    case unsupported(String)
}

/// Locks an open file or folder for as long as it is open, without waiting.
///
/// - Parameter isShared: allows other shared locks.
package func lockFile(_ descriptor: Int32, isShared: Bool = false) -> FileLocking {
    while flock(descriptor, (isShared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0 {
        if errno == EWOULDBLOCK { return .held }
        guard errno == EINTR else { return .unsupported(systemReason()) }
    }
    return .taken
}

/// The process that holds a lock, as it wrote itself into the lock's file.
private struct LockHolder: Codable {
    let host: String
    let process: Int32
    let started: String

    static let current = LockHolder(
        host: ProcessInfo.processInfo.hostName, process: getpid(), started: Date().ISO8601Format())

    private init(host: String, process: Int32, started: String) {
        (self.host, self.process, self.started) = (host, process, started)
    }

    /// The holder that a file names; nil if it names none.
    init?(_ descriptor: Int32) {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0,
            let holder = JSON.value(LockHolder.self, from: String(decoding: bytes.prefix(count), as: UTF8.self))
        else { return nil }
        self = holder
    }

    /// The holder of a lock that was just found taken, given a moment to write itself down.
    init?(waitingFor descriptor: Int32) {
        for _ in 0..<20 {
            if let holder = LockHolder(descriptor) {
                self = holder
                return
            }
            usleep(10_000)
        }
        return nil
    }

    var text: String { "process \(process) on \(host), started at \(started)" }
}
