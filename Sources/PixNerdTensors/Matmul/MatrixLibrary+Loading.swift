import CPixNerdBLAS
import PixNerdSupport

extension MatrixLibrary {
    /// File names of OpenBLAS on various systems. If there are several, as on Fedora, the multithreaded one comes
    /// first.
    private static let names = ["libopenblasp.so.0", "libopenblas.so.0", "libopenblas.so"]

    /// Loads the library with kernels that compute correct results.
    ///
    /// - Throws: `PixNerdError` if no library can be loaded, or none computes correct results.
    static func load(environment: [String: String]) throws(PixNerdError) -> MatrixLibrary {
        let asked = environment["PIXNERD_BLAS"].flatMap { $0.isEmpty ? nil : $0 }
        let usersCore = environment["OPENBLAS_CORETYPE"].flatMap { $0.isEmpty ? nil : $0 }
        let best = OpenBLASCore.best
        let wasLoaded = (asked.map { [$0] } ?? names).contains { pn_blas_is_resident($0) }
        // nil leaves the selection to OpenBLAS or the environment.
        var attempts: [OpenBLASCore?] = usersCore != nil || wasLoaded || best == nil ? [nil] : []
        attempts += best?.ladder ?? []
        var mistakes: [Mistake] = []
        while true {
            let attempt = attempts.removeFirst()
            let file = try open(asked.map { [$0] } ?? names, attempt, isAsked: asked != nil)
            let core = text(pn_blas_core())
            let level = core.map(OpenBLASCore.init(named:))
            if let attempt, let level, level < attempt, !attempts.isEmpty {
                // An OpenBLAS that does not know the name falls back to some other core. It may know the next name.
                try close(file)
                continue
            }
            guard let wrong = pn_blas_wrong_result() else {
                let reason: Reason =
                    if core == nil { .otherLibrary } else if !mistakes.isEmpty { .check } else if let usersCore {
                        .environment(usersCore)
                    } else if wasLoaded { .process } else { attempt == nil ? .openBLAS : .processor }
                return MatrixLibrary(
                    file: file, path: String(cString: pn_blas_path()), name: text(pn_blas_name()),
                    core: core, takesTurns: pn_blas_takes_turns(), reason: reason, mistakes: mistakes)
            }
            mistakes.append(Mistake(core: core ?? "", result: String(cString: wrong)))
            // The remaining attempts are lower kernels. Other libraries have none to select from.
            attempts.removeAll { attempt in attempt.map { level == nil || $0 >= level! } ?? true }
            guard !attempts.isEmpty else { throw uselessError(mistakes) }
            try close(file)
        }
    }

    /// Loads the first of these files that exists.
    ///
    /// - Parameter isAsked: whether `PIXNERD_BLAS` named the file.
    private static func open(
        _ files: [String], _ core: OpenBLASCore?, isAsked: Bool
    ) throws(PixNerdError) -> String {
        var reasons: [String] = []
        for file in files {
            var status = pn_blas_ready
            let reason = text(capacity: 512) { status = pn_blas_open(file, core?.rawValue, $0, $1) }
            switch status {
            case pn_blas_ready: return file
            case pn_blas_unusable:
                throw PixNerdError(
                    .unsupported, "\(file)", found: "cannot be used for matrix multiplication: \(reason)",
                    advice: isAsked
                        ? "set PIXNERD_BLAS to a library with the CBLAS interface and LAPACK"
                        : "install OpenBLAS, or set PIXNERD_BLAS to a library with the CBLAS interface and LAPACK")
            default: reasons.append(reason)
            }
        }
        guard isAsked else {
            throw PixNerdError(
                .notFound, "OpenBLAS, which multiplies matrices,", found: "was not found (\(reasons[0]))",
                advice: "install it (Debian and Ubuntu: libopenblas0; Fedora and Arch: openblas), or set PIXNERD_BLAS "
                    + "to a library with the CBLAS interface")
        }
        throw PixNerdError(
            .invalidValue, "PIXNERD_BLAS", found: "is \(files[0]), which cannot be loaded (\(reasons[0]))",
            expected: "a library with the CBLAS interface, such as libopenblas.so.0", advice: "correct or unset it")
    }

    /// Unloads the library, so that it can be loaded with other kernels.
    private static func close(_ file: String) throws(PixNerdError) {
        let core = text(pn_blas_core()) ?? ""
        guard !pn_blas_close() else { return }
        throw PixNerdError(
            .unsupported, "\(file)",
            found: "runs its \(core) kernels, which are wrong for this processor, and cannot be reloaded",
            advice: "set OPENBLAS_CORETYPE to lower kernels, such as Haswell, before the program starts")
    }

    private static func uselessError(_ mistakes: [Mistake]) -> PixNerdError {
        let path = String(cString: pn_blas_path())
        let name = text(pn_blas_name()).map { "\($0) (\(path))" } ?? path
        let kernels = mistakes.map(\.core).filter { !$0.isEmpty }
        let list = kernels.isEmpty ? "" : " with its kernels for \(kernels.joined(separator: ", "))"
        return PixNerdError(
            .unsupported, "\(name)",
            found: "computes wrong results on this processor\(list): \(mistakes[0].result)",
            advice: "set PIXNERD_BLAS to another library, such as a newer OpenBLAS")
    }

    /// The core that OpenBLAS selects by itself; nil if it is not known. Starts another process for a moment.
    var detectedCore: String? {
        guard core != nil else { return nil }
        let name = Self.text(capacity: 64) { pn_blas_detected_core(file, $0, $1) }
        return name.isEmpty ? nil : name
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// The text that `fill` writes into a buffer of `capacity` bytes, including the terminating zero.
    private static func text(
        capacity: Int, _ fill: (_ room: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Void
    ) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { room in
            room.initialize(repeating: 0)
            fill(room.baseAddress!, capacity)
            return String(cString: room.baseAddress!)
        }
    }
}
