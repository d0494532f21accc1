import Foundation
import PixNerdSupport

/// The BLAS library: OpenBLAS, or the library named by the environment variable `PIXNERD_BLAS`.
///
/// It is loaded by the first matmul that needs it. OpenBLAS selects its kernels while it loads, and selects slow ones
/// if it is older than the processor. This package therefore selects the kernels by the processor's features, unless
/// the user has set `OPENBLAS_CORETYPE`. Then it computes matmuls with known results once. If one is wrong, it takes
/// the next lower kernels. Both are fixed rules: a run's bits do not depend on a measurement.
package struct MatrixLibrary: Sendable {
    /// The library of this process, or the reason why there is none.
    static let shared = Result { () throws(PixNerdError) in
        try load(environment: ProcessInfo.processInfo.environment)
    }

    /// The reason why OpenBLAS runs its current kernels.
    enum Reason: Sendable {
        /// Selected by this package for the processor.
        case processor
        /// Selected by OpenBLAS.
        case openBLAS
        /// Set by the user in `OPENBLAS_CORETYPE`.
        case environment(String)
        /// Fixed when this process loaded OpenBLAS for another purpose.
        case process
        /// Selected because faster kernels compute wrong results.
        case check
        /// Not OpenBLAS but another library, which selects its own kernels.
        case otherLibrary
    }

    /// Kernels that are not used because they computed a wrong result.
    struct Mistake: Sendable {
        let core: String
        /// Description of the first wrong result.
        let result: String
    }

    /// File that was loaded: a path, or a name that the dynamic linker resolves.
    let file: String
    let path: String
    /// Name and version, such as "OpenBLAS 0.3.21"; nil for an unknown library.
    let name: String?
    /// Processor core whose kernels OpenBLAS runs, under OpenBLAS's name; nil for other libraries.
    let core: String?
    /// Whether calls from several threads take turns, because the library was built for one thread.
    let takesTurns: Bool
    let reason: Reason
    let mistakes: [Mistake]

    /// Loads the library if it is not loaded yet.
    ///
    /// - Precondition: there is a library. Code that can throw checks this beforehand (`Precision.check`).
    package static let isReady: Void = {
        if case .failure(let error) = shared { fatalError(error.description) }
    }()
}
