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
            The limit is the rate of the model's own large products, measured in the same process. Each piece of work \
            runs in a process of its own, so that its peak memory is its own.

              pixnerd bench
              pixnerd bench --work B16-256 --mode train --profile
              mpirun -n 2 pixnerd bench --work B16-256 --mode train
            """)

    @Option(help: "One of \(Workload.all.map(\.name).joined(separator: ", ")); all where not given.")
    var work: String?

    @Option(help: "forward or train, of an autoencoder encode, decode or train; all where not given.")
    var mode: BenchmarkMode?

    @Option(help: "Of the products: fp32, or bf16, which wants oneDNN.")
    var precision = Precision.fp32

    @OptionGroup var threads: ThreadsOption

    @Option(help: "Steps that are measured, after two to warm up.")
    var repeats = 5

    @Option(help: "Measure instead how fast one thread loads the pictures of this folder, as 256 x 256 squares.")
    var loader: String?

    @Flag(help: "Under mpirun: processes share the state of the optimiser, as training.shard_optimizer says.")
    var shardOptimizer = false

    @Flag(help: "One JSON line for each piece of work.")
    var json = false

    @Flag(help: "Show where the time goes, operator by operator, instead.")
    var profile = false

    /// Set where a measurement of several pieces of work runs this one.
    @Flag(help: .hidden)
    var isPart = false

    func validate() throws {
        guard repeats >= 1 else { throw ValidationError("--repeats is \(repeats); it must be at least 1.") }
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
        for work in Workload.all.filter({ work == nil || $0.name == work }) {
            for mode in work.modes.filter({ mode == nil || $0 == mode }) {
                try runAlone(work.name, mode)
            }
        }
    }

    private func measureLoader(_ root: String) throws {
        let pictures = try ImageCollection.open(root: root)
        let exact = try measureLoading(collection: pictures, imageSize: 256, seconds: 4)
        let fast = try measureLoading(collection: pictures, imageSize: 256, seconds: 4, fastDecode: true)
        if json {
            try printJSON(["images_per_second": exact, "fast_images_per_second": fast])
        } else {
            print(String(format: "loader    %.0f pictures/s a thread, %.0f with data.fast_decode", exact, fast))
        }
    }

    private func describeMachine() throws {
        try precision.check()
        let machine = Machine()
        makeLogger().noteSlowProducts(on: machine)
        guard !json else { return }
        let library = [machine.blas, machine.blasCore.map { "\($0) kernels" }].compactMap { $0 }
        print(
            (["\(machine.processor)", machine.instructionSet, "\(Threads.count) threads"] + library).joined(
                separator: ", "))
        // Before the lines of the processes that measure.
        fflush(nil)
    }

    /// Runs one piece of work in a process of its own.
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
                "Under mpirun one piece of work is measured: give --mode train, and of --work one of \(names).")
        }
        if communicator.isRoot { try describeMachine() }
        try communicator.agree { try precision.check() }
        try measure(work, mode, communicator)
    }

    private func measure(_ work: Workload, _ mode: BenchmarkMode, _ communicator: Communicator) throws {
        let ranks = BenchmarkRanks(communicator: communicator, sharesOptimizer: shardOptimizer)
        let benchmark = Benchmark(work, mode, precision: precision, repeats: repeats, ranks: ranks)
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
            work.name.padding(toLength: 14, withPad: " ", startingAt: 0)
                + mode.rawValue.padding(toLength: 9, withPad: " ", startingAt: 0)
                + precision.rawValue
                + String(
                    format: "%8.3f pictures/s  %7.1f G multiply-adds a step  products %6.1f GFLOP/s  ratio %5.1f %%  "
                        + "peak %5.2f GB  %d system allocations",
                    result.imagesPerSecond, Double(result.multiplyAdds) / 1e9, result.gemmGflops, 100 * result.ratio,
                    result.peakGB, result.systemAllocations))
        if let ranks = result.ranks, let seconds = result.exchangeSeconds, let hidden = result.exchangeHidden {
            print(
                String(
                    format: "%d ranks: gradients were summed in %.3f s of a step, %.1f %% of them hidden", ranks,
                    seconds,
                    100 * hidden))
        }
    }

    private func printJSON(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private static func table(_ entries: [OperatorProfile.Entry], steps: Int) -> String {
        let total = entries.reduce(0) { $0 + $1.seconds }
        let rows = entries.map { entry in
            entry.name.padding(toLength: 28, withPad: " ", startingAt: 0)
                + String(
                    format: "%6d calls %9.2f ms %5.1f %%  %7.1f GFLOP/s", entry.calls / steps,
                    1e3 * entry.seconds / Double(steps), 100 * entry.seconds / total,
                    2e-9 * Double(entry.multiplyAdds) / entry.seconds)
        }
        return rows.joined(separator: "\n") + String(format: "\nall %.1f ms a step", 1e3 * total / Double(steps))
    }
}
