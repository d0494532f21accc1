import ArgumentParser
import PixNerdTensors

/// `--threads`, the same in every command that computes.
struct ThreadsOption: ParsableArguments {
    @Option(help: "Threads; all processors where not given.")
    var threads: Int?

    func validate() throws {
        if let threads, threads < 1 { throw ValidationError("--threads is \(threads); it must be at least 1.") }
    }

    /// Lets everything that is computed from here on use so many.
    func apply() {
        if let threads { Threads.count = threads }
    }
}
