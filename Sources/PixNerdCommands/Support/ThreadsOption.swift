import ArgumentParser
import PixNerdSupport
import PixNerdTensors

/// The `--threads` option of every command that computes.
struct ThreadsOption: ParsableArguments {
    @Option(help: "Number of threads (default: all processors).")
    var threads: Int?

    func validate() throws {
        try expectOption("--threads", threads, in: 1...SizeLimits.threadsHere)
    }

    /// Sets the number of threads of all further computation.
    func apply() {
        if let threads { Threads.count = threads }
    }
}
