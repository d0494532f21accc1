/// Descriptions of the BLAS library for the user.
extension MatrixLibrary {
    /// Description of the kernels in use, why, and which ones OpenBLAS would have selected; nil for other libraries.
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
        case .process: return "\(core), chosen when this process loaded OpenBLAS for another purpose"
        case .check: return "\(core), chosen because \(mistakenCores) computed wrong results\(own)"
        case .otherLibrary: return nil
        }
    }

    private var mistakenCores: String { mistakes.map(\.core).joined(separator: " and ") }

    /// One sentence, with advice, if matmuls run slower than the processor allows or in an unknown library; otherwise
    /// nil.
    var warning: String? {
        guard let core else {
            guard name == nil else { return nil }
            return
                "\(path) is none of the libraries that this program knows (OpenBLAS, BLIS, MKL), so it may be far "
                + "slower than the processor allows; compare pixnerd bench with and without PIXNERD_BLAS."
        }
        let openBLAS = name ?? "OpenBLAS"
        if let mistake = mistakes.first {
            return "\(openBLAS) computes wrong results with its \(mistakenCores) kernels on this processor "
                + "(\(mistake.result)), so its \(core) kernels are used; set PIXNERD_BLAS to a newer OpenBLAS."
        }
        if takesTurns {
            return
                "\(openBLAS) (\(path)) was built for one thread, so threads take turns in matmuls; install the "
                + "multithreaded one (Debian, Ubuntu: libopenblas0-pthread), or set PIXNERD_BLAS to it."
        }
        guard let best = OpenBLASCore.best else { return nil }
        let level = OpenBLASCore(named: core)
        guard level.width < best.width else { return nil }
        let slow = "\(core) kernels, a fraction of the speed that this processor's \(best.instructions) allows"
        return switch reason {
        case .environment(let value): "OPENBLAS_CORETYPE=\(value) makes OpenBLAS run its \(slow); unset it."
        case .process:
            "This process had already loaded OpenBLAS, which runs its \(slow); set OPENBLAS_CORETYPE=\(best.rawValue) "
                + "before the program starts."
        default: "\(openBLAS) runs its \(slow); install a newer OpenBLAS, or set PIXNERD_BLAS to one."
        }
    }
}
