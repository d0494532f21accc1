import ArgumentParser

package struct StudioCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "studio",
        abstract: "Serves a web page and two APIs to sample and train.",
        discussion: """
              pixnerd studio
              pixnerd studio --checkpoints runs --port 8000

            Open the address that it prints in a browser. The APIs are those of OpenAI's images (/v1) and of \
            AUTOMATIC1111 (/sdapi/v1); docs/studio.md shows them. Ctrl-C cancels jobs, and saves and ends a training.
            """)

    @Option(help: "Folder of runs and checkpoint files.")
    package var checkpoints = "checkpoints"

    @Option(help: "Folder of data sets.")
    package var datasets = "datasets"

    @Option(help: "Folder of configurations, YAML files.")
    package var configurations = "configs"

    @OptionGroup package var server: ServerOptions
    @OptionGroup var threads: ThreadsOption

    package init() {}

    package func run() throws {
        threads.apply()
        try StudioHandover.expected().serve(self)
    }
}

/// The options of the studio's server.
package struct ServerOptions: ParsableArguments {
    @Option(help: "TCP port; 0 for a free one.")
    package var port: UInt16 = 7860

    @Option(help: "Address to listen on. Any other than this machine's own needs --token.")
    package var address = "127.0.0.1"

    @Option(help: "A secret that requests must show; browsers ask for it once (default: PIXNERD_STUDIO_TOKEN, if set).")
    package var token: String?

    @Option(
        help: "A further name by which browsers reach the server, such as mymachine.local; may be given several times.")
    package var allowHost: [String] = []

    @Option(
        help: """
            A web origin, such as http://localhost:5001, whose pages may call the server; may be given several times.
            """)
    package var allowOrigin: [String] = []

    @Option(help: "Maximum number of sampling jobs that wait.")
    package var queue = 16

    package init() {}

    package func validate() throws { try expectOption("--queue", queue, in: 1...1000) }
}
