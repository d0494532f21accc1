import CPixNerdMPI
import Foundation

/// How this process was started: alone, or by `mpirun` as one of several.
public enum Launch {
    private static func number(_ name: String) -> Int? {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
    }

    /// How many processes were started together, as Open MPI's `mpirun` says it, or Slurm where it starts them itself.
    public static var size: Int {
        number("OMPI_COMM_WORLD_SIZE") ?? (number("PMIX_RANK") == nil ? 1 : number("SLURM_NTASKS") ?? 1)
    }

    /// The number of this one among them, from 0.
    public static var rank: Int { number("OMPI_COMM_WORLD_RANK") ?? number("PMIX_RANK") ?? 0 }

    /// How many processes a launcher that is not Open MPI's has started; nil where none has.
    static var foreignSize: Int? {
        guard number("OMPI_COMM_WORLD_SIZE") == nil, number("PMIX_RANK") == nil else { return nil }
        return number("PMI_SIZE").flatMap { $0 > 1 ? $0 : nil }
    }

    /// Whether several processes were started together.
    public static var isParallel: Bool { size > 1 || foreignSize != nil }

    /// Whether whoever started this process said what processors it may run on. Without that, Open MPI gives each of two
    /// processes a single core, whatever the machine has.
    static var hasChosenProcessors: Bool {
        ProcessInfo.processInfo.environment["OMPI_MCA_hwloc_base_binding_policy"] != nil
            || ProcessInfo.processInfo.environment["OMPI_COMM_WORLD_SIZE"] == nil
    }

    /// What Open MPI is installed, or why there is none, for a person.
    public static var library: (version: String?, reason: String) {
        var text = [CChar](repeating: 0, count: 512)
        let status = pn_mpi_load(&text, text.count)
        let message = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return status == pn_mpi_ready ? (message, "") : (nil, message)
    }
}
