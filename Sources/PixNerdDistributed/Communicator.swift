import CPixNerdMPI
import Foundation
import PixNerdSupport
import Synchronization

/// The processes that work on one thing together, and this one among them (its rank, from 0).
///
/// Every operation is collective unless it says otherwise: all processes call the same ones in the same order, from one
/// thread each. They are carried out one after the other on a queue of their own, which sleeps while it waits for other
/// processes, so that threads that compute lose nothing to it.
///
/// Sums are taken in the order of the ranks, so that a launch of the same layout computes the same bits each time, and
/// all processes get the same.
public final class Communicator: Sendable {
    public let rank: Int
    public let size: Int
    /// The name of the machine of each rank.
    public let hosts: [String]
    private let queue = DispatchQueue(label: "ranks")

    /// A process that was started alone.
    public static let alone = Communicator(rank: 0, size: 1, hosts: [ProcessInfo.processInfo.hostName])

    private static let joined = Mutex<Communicator?>(nil)

    /// Rank 0: it reads what is shared, writes what comes out, and talks to the person.
    public var isRoot: Bool { rank == 0 }
    /// Ranks on this machine.
    public var localSize: Int { hosts.count { $0 == hosts[rank] } }
    /// For messages, such as "rank 1 on node7".
    public var name: String { "rank \(rank) on \(hosts[rank])" }

    private init(rank: Int, size: Int, hosts: [String]) {
        (self.rank, self.size, self.hosts) = (rank, size, hosts)
    }

    /// The processes of this launch; joins them the first time. A process that was started alone needs no library.
    ///
    /// - Throws: `LaunchError` where they cannot be joined.
    public static func ofLaunch() throws -> Communicator {
        try joined.withLock { joined in
            let communicator = try joined ?? join()
            joined = communicator
            return communicator
        }
    }

    private static func join() throws -> Communicator {
        if let size = Launch.foreignSize {
            throw LaunchError(
                "\(size) processes were started by another launcher than Open MPI's; start them by the mpirun of Open MPI."
            )
        }
        guard Launch.size > 1 else { return alone }
        let library = Launch.library
        guard library.version != nil else {
            throw LaunchError(
                "mpirun has started this process, but Open MPI's libmpi.so.40 cannot be used here (\(library.reason)); install it "
                    + "(Debian and Ubuntu: openmpi-bin).")
        }
        // Over one connection Open MPI moves data both ways at half the speed of a link; what somebody else asks for stays.
        setenv("OMPI_MCA_btl_tcp_links", "2", 0)
        var (rank, size): (Int32, Int32) = (0, 0)
        guard pn_mpi_join(&rank, &size) else {
            throw LaunchError(
                "This process cannot join the others, since its Open MPI was built without support of threads; install another."
            )
        }
        guard size == Launch.size else {
            throw LaunchError(
                "This process was started as one of \(Launch.size) but finds \(size); use the mpirun of the Open MPI that is loaded."
            )
        }
        let numbered = Communicator(rank: Int(rank), size: Int(size), hosts: [])
        let communicator = Communicator(
            rank: Int(rank), size: Int(size), hosts: numbered.gather(text: ProcessInfo.processInfo.hostName))
        if !Launch.hasChosenProcessors { pn_mpi_allow_all_processors() }
        return communicator
    }

    /// Threads for this process where nothing else is asked for: its share of the machine's processors, and no more than
    /// it may run on.
    public var defaultThreads: Int { max(1, min(Int(pn_mpi_allowed_processors()), processors / localSize)) }

    private var processors: Int { ProcessInfo.processInfo.processorCount }

    /// Leaves the other processes, at the end; waits for all of them.
    public func leave() { if size > 1 { queue.sync { pn_mpi_leave() } } }

    // MARK: For the operations

    /// Carries out an operation and waits for it.
    func carryOut(_ start: () -> pn_mpi_operation?) { queue.sync { Self.finish(start()) } }

    /// Puts work behind what is being carried out, and does not wait.
    func enqueue(_ work: @escaping @Sendable () -> Void) { queue.async(execute: work) }

    /// Waits for everything that was put there.
    func drain() { queue.sync {} }

    /// Waits on the queue until an operation is done. Open MPI would wait at full speed, beside the threads that compute.
    static func finish(_ operation: pn_mpi_operation?) {
        var operation = operation
        var looks = 0
        while !pn_mpi_is_done(&operation) {
            looks += 1
            if looks < 20 { sched_yield() } else { usleep(50) }
        }
    }
}
