import Foundation
import PixNerdSupport
import PixNerdTraining
import Synchronization

/// What serves the studio.
///
/// Its server and the packages under it take as long to build as half of the rest, so they are in a program of their
/// own, `pixnerd-studio`, which knows all commands. `pixnerd` hands its arguments over to that program.
package protocol StudioProvider: Sendable {
    /// The command-line options of the server's settings.
    var flags: [Setting: String] { get }

    /// Serves until the user ends the program.
    func serve(_ command: StudioCommand) throws

    /// Serves the page of a training of this process.
    ///
    /// - Parameter isInterrupted: Whether the user has asked the program to end.
    func serve(
        beside trainer: Trainer, _ server: ServerOptions, isInterrupted: @escaping @Sendable () -> Bool
    ) throws -> any ShownTraining
}

/// A training of this process that a studio shows and controls.
package protocol ShownTraining {
    /// Whether the training shall save and end. While it is paused, the call waits.
    func shouldStop() -> Bool

    /// Whether the training shall save now; true once for each wish.
    func shouldSave() -> Bool

    /// Ends the server, once the training has ended.
    func end()
}

/// The studio of this process, or the program that has one.
enum StudioHandover {
    static let provider = Mutex<(any StudioProvider)?>(nil)

    private static let name = "pixnerd-studio"

    /// The studio of this process. A program without one becomes the one that lies beside it, and starts anew with the
    /// same arguments.
    ///
    /// - Throws: `CommandError` if there is no such program.
    static func expected() throws -> any StudioProvider {
        if let provider = provider.withLock({ $0 }) { return provider }
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let other = URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent(name).path
        guard FileManager.default.isExecutableFile(atPath: other) else {
            throw CommandError(
                "the studio is a program of its own, and \(other) does not exist; build it with: make studio")
        }
        var arguments = ([other] + CommandLine.arguments.dropFirst()).map { strdup($0) } + [nil]
        execv(other, &arguments)
        throw CommandError("\(other) cannot be started: \(systemReason())")
    }
}
