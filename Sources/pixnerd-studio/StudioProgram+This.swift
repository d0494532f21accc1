import Foundation
import PixNerdCommands
import PixNerdStudio

extension StudioProgram {
    /// This program, which starts itself for trainings and reports.
    static func this() throws -> StudioProgram {
        StudioProgram(
            name: PixNerdCommand.program,
            executable: try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe"),
            training: { configuration, settings, resumes in
                ["train", configuration] + settings.flatMap { ["--set", $0] } + (resumes ? ["--resume"] : [])
            }, inspection: { path, isJSON in ["dataset", "inspect", path] + (isJSON ? ["--json"] : []) })
    }
}
