import Foundation
import Hummingbird
import Logging
import PixNerdSupport

/// A web page and programming interfaces to sample and train on this machine.
///
/// The page and all that it needs are built in. One job or training at a time has the processors.
public final class Studio: Sendable {
    private let context: StudioContext
    private let logger: Logger

    /// - Throws: `PixNerdError` if the address needs a token and there is none.
    public init(_ options: StudioOptions, logger: Logger) throws {
        guard options.token?.isEmpty != true else {
            throw PixNerdError(.invalidValue, "\(Setting.token)", found: "is empty")
        }
        guard options.token != nil || Self.isOwn(options.address) else {
            throw PixNerdError(
                .invalidValue, "\(Setting.address)",
                found: "is \(options.address), where other machines reach the studio",
                advice: "set a secret with \(Setting.token), or leave the address out")
        }
        context = StudioContext(options)
        self.logger = logger
    }

    /// Whether only this machine reaches an address.
    private static func isOwn(_ address: String) -> Bool {
        address == "::1" || address == "localhost"
            || address.wholeMatch(of: /127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}/) != nil
    }

    /// Time after which a connection without a request is closed.
    private static let idleSeconds: Int64 = 60
    private static let mostConnections = 512

    /// The system's words for an error of the server's library, such as `bind(...): Address already in use (errno: 98)`.
    private static func reason(_ error: any Error) -> String {
        let text = "\(error)"
        guard let match = text.firstMatch(of: /errno: ([0-9]+)/), let number = Int32(match.1) else { return text }
        return String(cString: strerror(number))
    }

    private var router: Router<StudioRequestContext> {
        let router = Router(context: StudioRequestContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: StudioErrors(logger: logger))
        router.add(middleware: StudioGuard(context.options))
        StudioAssets.add(to: router)
        StudioRoutes(studio: context).add(to: router)
        RunRoutes(studio: context).add(to: router)
        OpenAIRoutes(studio: context).add(to: router)
        WebUIRoutes(studio: context).add(to: router)
        return router
    }

    /// Serves until `shouldStop` returns true, or the task is cancelled. Then jobs are cancelled, and a training saves and
    /// ends.
    ///
    /// - Parameters:
    ///   - training: A training of this process that the page shows and controls; nil for none.
    ///   - onReady: Called with the port when the server answers.
    ///   - shouldStop: Asked several times a second.
    /// - Throws: `PixNerdError` if the address cannot be listened on.
    public func run(
        training: StudioTraining? = nil, onReady: @escaping @Sendable (_ port: Int) -> Void,
        shouldStop: @escaping @Sendable () -> Bool
    ) async throws {
        let (context, options) = (self.context, self.context.options)
        // The library tells of each start, of clients that go away, and of those that are left at the end.
        var quiet = logger
        quiet.logLevel = .critical
        await context.connect()
        if let training {
            await context.training.follow(training.control, run: training.run, training.configuration)
        }
        let application = Application(
            router: router,
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [ClientLeaving()], idleTimeout: .seconds(Self.idleSeconds))),
            configuration: .init(
                address: .hostname(options.address, port: options.port),
                availableConnectionsDelegate: .maximum(Self.mostConnections, logger: logger)),
            onServerRunning: { channel in onReady(channel.localAddress?.port ?? options.port) }, logger: quiet)
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await application.run() }
                group.addTask { await context.events.keepAlive() }
                group.addTask {
                    await RunWatch(
                        runs: context.runs, training: context.training, events: context.events,
                        onChange: context.announce
                    ).watch()
                }
                group.addTask {
                    while !shouldStop(), !Task.isCancelled { try? await Task.sleep(for: .milliseconds(100)) }
                }
                defer { group.cancelAll() }
                try await group.next()
                await context.queue.close()
                await context.training.close()
                context.events.finish()
            }
        } catch is CancellationError {
        } catch {
            throw PixNerdError(
                .system, "\(options.address) port \(options.port)",
                found: "cannot be listened on: \(Self.reason(error))",
                advice: "choose another port with \(Setting.port)")
        }
    }
}

extension Setting {
    /// The address that a server listens on.
    public static let address = Setting(rawValue: "address")
    /// The TCP port that a server listens on.
    public static let port = Setting(rawValue: "port")
    /// The secret that requests must show.
    public static let token = Setting(rawValue: "token")
}
