import CPixNerdMPI
import Foundation
import PixNerdSupport
import Synchronization

/// The processes that work together, and this one among them (its rank, from 0).
///
/// Every operation is collective unless documented otherwise: all processes call the same operations in the same order,
/// from one thread each. Operations run one after the other on a dedicated queue. It sleeps while it waits for other
/// processes, so that compute threads lose no time.
///
/// Sums are taken in the order of the ranks, so that launches with the same layout compute the same bits, and all
/// processes get the same result.
public final class Communicator: Sendable {
    /// Index of this process, from 0.
    public let rank: Int
    /// Number of processes.
    public let size: Int
    /// Host name of each rank.
    public let hosts: [String]
    private let queue = DispatchQueue(label: "ranks")

    /// The communicator of a process without others.
    public static let alone = Communicator(rank: 0, size: 1, hosts: [ProcessInfo.processInfo.hostName])

    private static let joined = Mutex<Communicator?>(nil)

    /// Whether this is rank 0, which reads shared files, writes results and reports to the user.
    public var isRoot: Bool { rank == 0 }
    /// Number of ranks on this machine.
    public var localSize: Int { hosts.count { $0 == hosts[rank] } }
    /// The name of this process in messages, such as "rank 1 on node7".
    public var name: String { "rank \(rank) on \(hosts[rank])" }

    private init(rank: Int, size: Int, hosts: [String]) {
        (self.rank, self.size, self.hosts) = (rank, size, hosts)
    }

    /// The processes of this launch, joined on the first call. A process started alone needs no MPI library.
    ///
    /// - Throws: `PixNerdError` if they cannot be joined.
    public static func ofLaunch() throws -> Communicator {
        try joined.withLock { joined in
            let communicator = try joined ?? join()
            joined = communicator
            return communicator
        }
    }

    private static func join() throws -> Communicator {
        if let size = Launch.foreignSize {
            throw PixNerdError(
                .unsupported, found: "\(size) processes were started by another launcher than Open MPI's",
                advice: "start them with the mpirun of Open MPI")
        }
        guard Launch.size > 1 else { return alone }
        let library = Launch.library
        guard library.version != nil else {
            throw PixNerdError(
                .unsupported,
                found: "mpirun started this process, but Open MPI's libmpi.so.40 cannot be used (\(library.reason))",
                advice: "install it (Debian and Ubuntu: openmpi-bin)")
        }
        // Over one connection, Open MPI moves data in both directions at half the speed of a link. A value set by the
        // user is kept.
        setenv("OMPI_MCA_btl_tcp_links", "2", 0)
        var (rank, size): (Int32, Int32) = (0, 0)
        guard pn_mpi_join(&rank, &size) else {
            throw PixNerdError(
                .unsupported, "This process", found: "cannot join the others: its Open MPI was built without threads",
                advice: "install an Open MPI that supports threads")
        }
        guard size == Launch.size else {
            throw PixNerdError(
                .mismatch, "This process", found: "was started as one of \(Launch.size) processes but finds \(size)",
                advice: "use the mpirun of the Open MPI that is loaded")
        }
        let numbered = Communicator(rank: Int(rank), size: Int(size), hosts: [])
        let communicator = Communicator(
            rank: Int(rank), size: Int(size), hosts: numbered.gather(text: ProcessInfo.processInfo.hostName))
        if !Launch.hasChosenProcessors { pn_mpi_allow_all_processors() }
        return communicator
    }

    /// Default number of threads of this process: its share of the machine's processors, limited to those that it may
    /// run on.
    public var defaultThreads: Int { max(1, min(Int(pn_mpi_allowed_processors()), processors / localSize)) }

    private var processors: Int { ProcessInfo.processInfo.processorCount }

    /// Waits for all processes and leaves the group, at the end of the program.
    public func leave() { if size > 1 { queue.sync { pn_mpi_leave() } } }

    // MARK: For the operations

    /// Runs an operation and waits for it.
    func carryOut(_ start: () -> pn_mpi_operation?) { queue.sync { Self.finish(start()) } }

    /// Queues work without waiting for it.
    func enqueue(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Waits for all queued work.
    func drain() { queue.sync {} }

    /// Waits on the queue until an operation is done. Open MPI itself would spin, at the cost of the compute threads.
    static func finish(_ operation: pn_mpi_operation?) {
        var operation = operation
        var looks = 0
        while !pn_mpi_is_done(&operation) {
            looks += 1
            if looks < 20 { sched_yield() } else { usleep(50) }
        }
    }
}
