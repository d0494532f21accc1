import ArgumentParser
import Foundation
import PixNerdStudio
import PixNerdSupport
import PixNerdTensors

struct StudioCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "studio",
        abstract: "Serves a web page and two APIs to sample and train.",
        discussion: """
              pixnerd studio
              pixnerd studio --checkpoints runs --port 8000

            Open the address that it prints in a browser. The APIs are those of OpenAI's images (/v1) and of \
            AUTOMATIC1111 (/sdapi/v1); docs/studio.md shows them. Ctrl-C cancels jobs, and saves and ends a training.
            """)

    @Option(help: "Folder of runs and checkpoint files.")
    var checkpoints = "checkpoints"

    @Option(help: "Folder of data sets.")
    var datasets = "datasets"

    @Option(help: "Folder of configurations, YAML files.")
    var configurations = "configs"

    @OptionGroup var server: ServerOptions
    @OptionGroup var threads: ThreadsOption

    func run() throws {
        threads.apply()
        var options = StudioOptions(program: try .this())
        (options.checkpoints, options.datasets) = (checkpoints, datasets)
        options.configurations = configurations
        try server.apply(to: &options)
        let studio = try Studio(options, logger: makeLogger())
        let server = self.server
        let shouldStop = Interruption.watch()
        try waiting { try await studio.run(onReady: { server.say(port: $0) }, shouldStop: shouldStop) }
    }
}

/// The options of the studio's server.
struct ServerOptions: ParsableArguments {
    @Option(help: "TCP port; 0 for a free one.")
    var port: UInt16 = 7860

    @Option(help: "Address to listen on. Any other than this machine's own needs --token.")
    var address = "127.0.0.1"

    @Option(help: "A secret that requests must show; browsers ask for it once (default: PIXNERD_STUDIO_TOKEN, if set).")
    var token: String?

    @Option(
        help: "A further name by which browsers reach the server, such as mymachine.local; may be given several times.")
    var allowHost: [String] = []

    @Option(
        help: """
            A web origin, such as http://localhost:5001, whose pages may call the server; may be given several times.
            """)
    var allowOrigin: [String] = []

    @Option(help: "Maximum number of sampling jobs that wait.")
    var queue = 16

    func validate() throws { try expectOption("--queue", queue, in: 1...1000) }

    func apply(to options: inout StudioOptions) throws {
        (options.port, options.address) = (Int(port), address)
        options.token = token ?? ProcessInfo.processInfo.environment["PIXNERD_STUDIO_TOKEN"]
        (options.hosts, options.origins, options.queueLimit) = (allowHost, allowOrigin, queue)
    }

    /// Prints the address to open.
    func say(port: Int) {
        let host = address.contains(":") ? "[\(address)]" : address
        print("The studio is at http://\(host):\(port)/. Ctrl-C ends it.")
        fflush(nil)
    }
}

/// Runs asynchronous work and waits for it.
func waiting(_ body: @escaping @Sendable () async throws -> Void) throws {
    let outcome = Outcome()
    let isDone = DispatchSemaphore(value: 0)
    Task {
        do { try await body() } catch { outcome.error.withLock { $0 = error } }
        isDone.signal()
    }
    isDone.wait()
    if let error = outcome.error.withLock({ $0 }) { throw error }
}
