import Foundation

/// The system's words for what went wrong with a file; Foundation's own take two sentences.
package func systemReason(_ error: any Error) -> String {
    let error = error as NSError
    let inner = error.userInfo[NSUnderlyingErrorKey].flatMap { $0 as? any Error }.map { $0 as NSError } ?? error
    guard inner.domain == NSPOSIXErrorDomain else { return error.localizedDescription }
    return String(cString: strerror(Int32(inner.code)))
}

/// The system's words for the current value of `errno`.
package func systemReason() -> String { String(cString: strerror(errno)) }
