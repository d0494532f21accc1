/// What people are told about the library that multiplies matrices.
extension MatrixLibrary {
    /// Which kernels run, why, and which OpenBLAS would have chosen; nil for other libraries.
    var choiceText: String? {
        guard let core else { return nil }
        let own = detectedCore.map { "; OpenBLAS by itself would run \($0)" } ?? ""
        let best = OpenBLASCore.best
        switch reason {
        case .processor: return "\(core), chosen for \(OpenBLASCore(named: core).instructions)\(own)"
        case .openBLAS: return "\(core), chosen by OpenBLAS"
        case .environment:
            return "\(core), set by OPENBLAS_CORETYPE"
                + (best.map { "; this program would run \($0.rawValue), for \($0.instructions)" } ?? "") + own
        case .process: return "\(core), chosen when this process loaded OpenBLAS for something else"
        case .check: return "\(core), chosen because \(mistakenCores) computed wrong results\(own)"
        case .otherLibrary: return nil
        }
    }

    private var mistakenCores: String { mistakes.map(\.core).joined(separator: " and ") }

    /// Where products run below what the processor has, or by a library that is not known: one sentence that says so and what
    /// to do.
    var warning: String? {
        guard let core else {
            guard name == nil else { return nil }
            return
                "\(path) is none of the libraries that this program knows (OpenBLAS, BLIS, MKL), so its speed may be far "
                + "below the processor's; compare pixnerd bench with and without PIXNERD_BLAS."
        }
        let openBLAS = name ?? "OpenBLAS"
        if let mistake = mistakes.first {
            return "\(openBLAS) computes wrong results with its \(mistakenCores) kernels on this processor "
                + "(\(mistake.result)), so its \(core) kernels are used; let PIXNERD_BLAS name a newer OpenBLAS."
        }
        if takesTurns {
            return
                "\(openBLAS) (\(path)) was built for one thread, so products of several take turns; install the one for "
                + "threads (Debian, Ubuntu: libopenblas0-pthread), or name it by PIXNERD_BLAS."
        }
        guard let best = OpenBLASCore.best else { return nil }
        let level = OpenBLASCore(named: core)
        guard level.width < best.width else { return nil }
        let slow = "\(core) kernels, a fraction of the speed that this processor's \(best.instructions) allows"
        return switch reason {
        case .environment(let value): "OPENBLAS_CORETYPE=\(value) makes OpenBLAS run its \(slow); unset it."
        case .process:
            "This process had loaded OpenBLAS before, which runs its \(slow); set OPENBLAS_CORETYPE=\(best.rawValue) before "
                + "the program starts."
        default: "\(openBLAS) runs its \(slow); install a newer OpenBLAS, or name one by PIXNERD_BLAS."
        }
    }
}
