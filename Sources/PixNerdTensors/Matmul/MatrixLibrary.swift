import Foundation
import PixNerdSupport

/// The library that multiplies matrices: OpenBLAS, or what the environment's `PIXNERD_BLAS` names.
///
/// It is loaded when the first product needs it. OpenBLAS decides while it loads which processor's kernels it runs, and one
/// that is older than the processor takes slow ones; so the kernels are chosen here, by what the processor has, unless the
/// user has set `OPENBLAS_CORETYPE`. Then products whose results are known are computed once, and where one is wrong the next
/// lower kernels are taken. Both are fixed rules: a run's bits do not depend on a measurement.
package struct MatrixLibrary: Sendable {
    /// The library of this process, or why there is none.
    static let shared = Result { () throws(MatrixLibraryError) in
        try load(environment: ProcessInfo.processInfo.environment)
    }

    /// Why OpenBLAS runs the kernels that it does.
    enum Reason: Sendable {
        /// Chosen by this package for the processor.
        case processor
        /// Chosen by OpenBLAS.
        case openBLAS
        /// Set by the user, in `OPENBLAS_CORETYPE`.
        case environment(String)
        /// Decided when this process loaded OpenBLAS for another purpose.
        case process
        /// Chosen because faster kernels compute wrong results.
        case check
        /// Another library, which has its own ways.
        case otherLibrary
    }

    /// Kernels that are not used because a result was wrong.
    struct Mistake: Sendable {
        let core: String
        /// The first result that was wrong.
        let result: String
    }

    /// What was loaded: a path, or a name that the dynamic linker finds.
    let file: String
    let path: String
    /// Such as "OpenBLAS 0.3.21"; nil for a library that is not known.
    let name: String?
    /// The processor core whose kernels OpenBLAS runs, by OpenBLAS's name; nil for other libraries.
    let core: String?
    /// Whether products of several threads take turns, because the library was built for one.
    let takesTurns: Bool
    let reason: Reason
    let mistakes: [Mistake]

    /// Lets the calling code multiply.
    ///
    /// - Precondition: there is a library. Whatever throws says so beforehand (`Precision.check`).
    package static let isReady: Void = {
        if case .failure(let error) = shared { fatalError(error.description) }
    }()
}
