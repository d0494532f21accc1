import CPixNerdMPI
import Foundation

/// How this process was started: alone, or by `mpirun` as one of several.
public enum Launch {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// Number of processes started together, according to Open MPI's `mpirun`, or to Slurm if it starts them itself.
    public static var size: Int {
        number("OMPI_COMM_WORLD_SIZE") ?? (number("PMIX_RANK") == nil ? 1 : number("SLURM_NTASKS") ?? 1)
    }

    /// Index of this process among them, from 0.
    public static var rank: Int { number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") ?? 0 }

    /// Number of processes started by a launcher other than Open MPI's; nil if there is none.
    static var foreignSize: Int? {
        guard number("OMPI_COMM_WORLD_SIZE") == nil, number("PMIX_RANK") == nil else { return nil }
        return number("PMI_SIZE").flatMap { $0 > 1 ? $0 : nil }
    }

    /// Whether several processes were started together.
    public static var isParallel: Bool { size > 1 || foreignSize != nil }

    /// Whether the user chose the processors that this process may run on. Otherwise Open MPI binds each of two
    /// processes to a single core, however many the machine has.
    static var hasChosenProcessors: Bool {
        ProcessInfo.processInfo.environment["OMPI_MCA_hwloc_base_binding_policy"] != nil
            || ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] == nil
    }

    /// The installed version of Open MPI, or the reason why it cannot be used, as text for the user.
    public static var library: (version: String?, reason: String) {
        var text = [CChar](repeating: 0, count: 512)
        let status = pn_mpi_load(&text, text.count)
        let message = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return status == pn_mpi_ready ? (message, "") : (nil, message)
    }
}
