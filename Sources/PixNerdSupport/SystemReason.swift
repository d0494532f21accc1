import Foundation

/// The system's description of a file error. Foundation's own description is two sentences long.
package func systemReason(_ error: any Error) -> String {
    let error = error as NSError
    let inner = error.userInfo[NSUnderlyingErrorKey].flatMap { $0 as? any Error }.map { $0 as NSError } ?? error
    guard inner.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(inner.code)))
}

/// The system's description of the current value of `errno`.
package func systemReason() -> String { String(cString: strerror(errno)) }

extension PixNerdError.Kind {
    /// `notFound` if the current value of `errno` says that a file does not exist, otherwise `system`.
    package static var fromErrno: PixNerdError.Kind { errno == ENOENT ? .notFound : .system }
}
