import ArgumentParser
import PixNerdTensors

/// The `--threads` option of every command that computes.
struct ThreadsOption: ParsableArguments {
    @Option(help: "Number of threads (default: all processors).")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads); it must be at least 1.") }
    }

    /// Sets the number of threads of all further computation.
    func apply() {
        if let threads { Threads.count = threads }
    }
}
