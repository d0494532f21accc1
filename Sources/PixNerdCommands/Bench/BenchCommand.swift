import ArgumentParser
import Foundation
import PixNerdBenchmarking
import PixNerdDistributed
import PixNerdImages
import PixNerdSupport
import PixNerdTensors

extension BenchmarkMode: ExpressibleByArgument {}

extension Precision: ExpressibleByArgument {}

struct BenchCommand: ParsableCommand, RankedCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the speed of training and sampling against this machine's limit.",
        discussion: """
            The limit is the rate of the model's own large matrix multiplications, measured in the same process. Each \
            workload runs in its own process, so that its peak memory can be measured.

              pixnerd bench
              pixnerd bench --work B16-256 --mode train --profile
              pixnerd bench --work t2i-512 --precision bf16
              mpirun -n 2 pixnerd bench --work B16-256 --mode train
            """)

    @Option(
        help: """
            Workload: one of \(Workload.all.map(\.name).joined(separator: ", ")) (default: all but \
            \(Workload.all.filter(\.runsOnlyAlone).map(\.name).joined(separator: ", "))).
            """)
    var work: String?

    @Option(help: "forward or train; for an autoencoder encode, decode or train (default: all).")
    var mode: BenchmarkMode?

    @Option(help: "Matrix-multiply precision: fp32, bf16 (needs AVX-512 BF16) or, with --mode forward, int8.")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Option(help: "Number of measured steps, after two warm-up steps.")
    var repeats = 5

    @Option(help: "Instead measure how fast one thread loads the images of this folder, as 256 x 256 squares.")
    var loader: String?

    @Flag(help: "Under mpirun, shard the optimizer's state among processes, like training.shard_optimizer.")
    var shardOptimizer = false

    @Flag(help: "Print one JSON line for each workload.")
    var json = false

    @Flag(help: "Instead show the time that each operator takes.")
    var profile = false

    /// Whether a benchmark of several workloads runs this one.
    @Flag(help: .hidden)
    var isPart = false

    func validate() throws {
        try expectOption("--repeats", repeats, in: 1...SizeLimits.repeats)
        if mode != .forward { try expectNoInt8(precision) }
        let named = Workload.all.filter { work == nil || $0.name == work }
        if let work, named.isEmpty {
            throw ValidationError(
                "--work is '\(work)'; it must be one of \(Workload.all.map(\.name).joined(separator: ", ")).")
        }
        if let work, let mode, !named[0].modes.contains(mode) {
            throw ValidationError(
                "--mode is '\(mode.rawValue)'; with \(work) it must be one of "
                    + "\(named[0].modes.map(\.rawValue).joined(separator: ", ")).")
        }
    }

    func run() throws {
        threads.apply()
        let communicator = try Communicator.forCommand(threads: threads.threads)
        if communicator.size > 1 {
            try measureShared(communicator)
            return
        }
        if let loader {
            try measureLoader(loader)
            return
        }
        if !isPart { try describeMachine() }
        if let name = work, let mode, let work = Workload.all.first(where: { $0.name == name }) {
            try measure(work, mode, .alone)
            return
        }
        for work in Workload.all.filter({ work == nil ? !$0.runsOnlyAlone : $0.name == work }) {
            for mode in work.modes.filter({ mode == nil || $0 == mode }) {
                try runAlone(work.name, mode)
            }
        }
    }

    private func measureLoader(_ root: String) throws {
        let pictures = try ImageCollection.open(root: root)
        let exact = try measureLoading(collection: pictures, imageSize: 256, seconds: 4)
        let fast = try measureLoading(
            collection: pictures, imageSize: 256, seconds: 4, decoding: PictureDecoding(isFast: true))
        if json {
            try printJSON(["images_per_second": exact, "fast_images_per_second": fast])
        } else {
            print(String(format: "loader    %.0f images/s per thread, %.0f with data.fast_decode", exact, fast))
        }
    }

    private func describeMachine() throws {
        try precision.check()
        let machine = Machine()
        makeLogger().noteSlowProducts(on: machine)
        guard !json else { return }
        let library = [machine.blas, machine.blasCore.map { "\($0) kernels" }].compactMap { $0 }
        print(
            (["\(machine.processor)", machine.instructionSet, "\(counted(Threads.count, "thread"))"] + library).joined(
                separator: ", "))
        // Must come before the lines of the measuring processes.
        fflush(nil)
    }

    /// Runs one workload in its own process.
    private func runAlone(_ work: String, _ mode: BenchmarkMode) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["bench", "--is-part", "--work", work, "--mode", mode.rawValue, "--repeats", String(repeats)]
            + ["--precision", precision.rawValue, "--threads", String(Threads.count)] + (json ? ["--json"] : [])
            + (profile ? ["--profile"] : [])
        fflush(nil)
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw ExitCode(process.terminationStatus) }
    }

    private func measureShared(_ communicator: Communicator) throws {
        guard let mode, let work = Workload.all.first(where: { $0.name == work && $0.isShared(mode) }) else {
            let names = Workload.all.filter { $0.isShared(.train) }.map(\.name).joined(separator: ", ")
            throw SharedError(
                "Under mpirun a single workload is measured; give --mode train and a --work from \(names).")
        }
        if communicator.isRoot { try describeMachine() }
        try communicator.agree { try precision.check() }
        try measure(work, mode, communicator)
    }

    private func measure(_ work: Workload, _ mode: BenchmarkMode, _ communicator: Communicator) throws {
        let ranks = BenchmarkRanks(communicator: communicator, sharesOptimizer: shardOptimizer)
        let benchmark = try Benchmark(work, mode, precision: precision, repeats: repeats, ranks: ranks)
        if profile && communicator.size == 1 {
            print("\(work.name) \(mode.rawValue), \(precision.rawValue), \(repeats) steps")
            print(Self.table(try benchmark.profile(), steps: repeats))
            return
        }
        let result = try benchmark.run()
        guard communicator.isRoot else { return }
        if json {
            try printJSON(result)
            return
        }
        print(
            TextTable.padded(work.name, to: 14)
                + TextTable.padded(mode.rawValue, to: 9)
                + precision.rawValue
                + String(
                    format: "%8.3f images/s  %7.1f G multiply-adds a step  matmul %6.1f GFLOP/s  ratio %5.1f %%  "
                        + "peak %5.2f GB  %d system allocations",
                    result.imagesPerSecond, Double(result.multiplyAdds) / 1e9, result.gemmGflops, 100 * result.ratio,
                    result.peakGB, result.systemAllocations))
        if let rate = result.tileGflops, let ratio = result.tileRatio {
            print(String(format: "  the tile instruction (AMX) allows %.0f GFLOP/s; ratio %.1f %%", rate, 100 * ratio))
        }
        if let ranks = result.ranks, let seconds = result.exchangeSeconds, let hidden = result.exchangeHidden {
            print(
                String(
                    format: "%d ranks: summing gradients takes %.3f s per step, %.1f %% of it hidden", ranks, seconds,
                    100 * hidden))
        }
    }

    private func printJSON(_ value: some Encodable) throws {
        print(try JSON.text(value))
    }

    private static func table(_ entries: [OperatorProfile.Entry], steps: Int) -> String {
        let total = entries.reduce(0) { $0 + $1.seconds }
        let rows = entries.map { entry in
            TextTable.padded(entry.name, to: 28)
                + String(
                    format: "%6d calls %9.2f ms %5.1f %%  %7.1f GFLOP/s", entry.calls / steps,
                    1e3 * entry.seconds / Double(steps), 100 * entry.seconds / total,
                    2e-9 * Double(entry.multiplyAdds) / entry.seconds)
        }
        return rows.joined(separator: "\n") + String(format: "\nall %.1f ms a step", 1e3 * total / Double(steps))
    }
}
