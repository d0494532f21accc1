import CPixNerdBLAS
import PixNerdSupport

extension MatrixLibrary {
    /// Names that systems give OpenBLAS; where there are several, as Fedora has them, the one for threads first.
    private static let names = ["libopenblasp.so.0", "libopenblas.so.0", "libopenblas.so"]

    /// Loads the library with kernels that are right.
    ///
    /// - Throws: one sentence where none can be loaded, or none computes right.
    static func load(environment: [String: String]) throws(MatrixLibraryError) -> MatrixLibrary {
        let asked = environment["PIXNERD_BLAS"].flatMap { $0.isEmpty ? nil : $0 }
        let usersCore = environment["OPENBLAS_CORETYPE"].flatMap { $0.isEmpty ? nil : $0 }
        let best = OpenBLASCore.best
        let wasLoaded = (asked.map { [$0] } ?? names).contains { pn_blas_is_resident($0) }
        // nil leaves the choice to what decides it without this package.
        var attempts: [OpenBLASCore?] = usersCore != nil || wasLoaded || best == nil ? [nil] : []
        attempts += best?.ladder ?? []
        var mistakes: [Mistake] = []
        while true {
            let attempt = attempts.removeFirst()
            let file = try open(asked.map { [$0] } ?? names, attempt, isAsked: asked != nil)
            let core = text(pn_blas_core())
            let level = core.map(OpenBLASCore.init(named:))
            if let attempt, let level, level < attempt, !attempts.isEmpty {
                // An OpenBLAS that does not know the name falls back to anything; it may know the next.
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
            // The kernels that are left are lower ones; other libraries have none to choose from.
            attempts.removeAll { attempt in attempt.map { level == nil || $0 >= level! } ?? true }
            guard !attempts.isEmpty else { throw uselessError(mistakes) }
            try close(file)
        }
    }

    /// Loads the first of these files that there is.
    private static func open(
        _ files: [String], _ core: OpenBLASCore?, isAsked: Bool
    ) throws(MatrixLibraryError) -> String {
        var reasons: [String] = []
        for file in files {
            var status = pn_blas_ready
            let reason = text(capacity: 512) { status = pn_blas_open(file, core?.rawValue, $0, $1) }
            switch status {
            case pn_blas_ready: return file
            case pn_blas_unusable:
                throw MatrixLibraryError(
                    description: "\(file) cannot multiply matrices: \(reason); "
                        + (isAsked ? "let PIXNERD_BLAS name" : "install OpenBLAS, or let PIXNERD_BLAS name")
                        + " a library with the CBLAS interface and LAPACK.")
            default: reasons.append(reason)
            }
        }
        guard isAsked else {
            throw MatrixLibraryError(
                description:
                    "OpenBLAS, which multiplies matrices, was not found (\(reasons[0])); install it (Debian and "
                    + "Ubuntu: libopenblas0; Fedora and Arch: openblas), or let PIXNERD_BLAS name a library with the "
                    + "CBLAS interface.")
        }
        throw MatrixLibraryError(
            description:
                "PIXNERD_BLAS names \(files[0]), which cannot be loaded (\(reasons[0])); name a library with the "
                + "CBLAS interface, such as libopenblas.so.0, or unset it.")
    }

    /// Lets the library be loaded anew with other kernels.
    private static func close(_ file: String) throws(MatrixLibraryError) {
        let core = text(pn_blas_core()) ?? ""
        guard !pn_blas_close() else { return }
        throw MatrixLibraryError(
            description:
                "\(file) runs its \(core) kernels, which are not right for this processor, and cannot be loaded "
                + "anew in this process; set OPENBLAS_CORETYPE to lower ones before the program starts, such as Haswell."
        )
    }

    private static func uselessError(_ mistakes: [Mistake]) -> MatrixLibraryError {
        let path = String(cString: pn_blas_path())
        let name = text(pn_blas_name()).map { "\($0) (\(path))" } ?? path
        let kernels = mistakes.map(\.core).filter { !$0.isEmpty }
        let list = kernels.isEmpty ? "" : " with its kernels for \(kernels.joined(separator: ", "))"
        return MatrixLibraryError(
            description: "\(name) computes wrong results on this processor\(list): \(mistakes[0].result); let "
                + "PIXNERD_BLAS name another library, such as a newer OpenBLAS.")
    }

    /// The core that OpenBLAS chooses by itself; nil where that is not known. Takes a process of its own for a moment.
    var detectedCore: String? {
        guard core != nil else { return nil }
        let name = Self.text(capacity: 64) { pn_blas_detected_core(file, $0, $1) }
        return name.isEmpty ? nil : name
    }

    private static func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// The text that `fill` writes into room for `capacity` bytes, its end among them.
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
