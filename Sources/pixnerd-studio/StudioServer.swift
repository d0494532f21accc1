import Foundation
import PixNerdCommands
import PixNerdStudio
import PixNerdSupport
import PixNerdTraining

/// The server of `pixnerd studio` and `pixnerd train --studio`.
struct StudioServer: StudioProvider {
    let flags: [Setting: String] = [.address: "--address", .port: "--port", .token: "--token"]

    func serve(_ command: StudioCommand) throws {
        var options = StudioOptions(program: try .this())
        (options.checkpoints, options.datasets) = (command.checkpoints, command.datasets)
        options.configurations = command.configurations
        try command.server.apply(to: &options)
        let studio = try Studio(options, logger: makeLogger())
        let server = command.server
        let shouldStop = Interruption.watch()
        try waiting { try await studio.run(onReady: { server.say(port: $0) }, shouldStop: shouldStop) }
    }

    func serve(
        beside trainer: Trainer, _ server: ServerOptions, isInterrupted: @escaping @Sendable () -> Bool
    ) throws -> any ShownTraining {
        try StudioBeside(LocalTraining(isInterrupted: isInterrupted), trainer, server)
    }

    /// Runs asynchronous work and waits for it.
    private func waiting(_ body: @escaping @Sendable () async throws -> Void) throws {
        let outcome = Outcome()
        let isDone = DispatchSemaphore(value: 0)
        Task {
            do { try await body() } catch { outcome.error.withLock { $0 = error } }
            isDone.signal()
        }
        isDone.wait()
        if let error = outcome.error.withLock({ $0 }) { throw error }
    }
}

extension ServerOptions {
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
