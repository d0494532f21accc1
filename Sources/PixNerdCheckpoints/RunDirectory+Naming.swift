import Foundation
import PixNerdSupport

extension RunDirectory {
    /// The path that `RUN@STEP`, a saved step of a run, stands for; any other text is a path already.
    ///
    /// - Throws: `PixNerdError` that lists the saved steps if that one is not among them.
    package static func checkpointPath(_ text: String) throws -> String {
        guard !FileManager.default.fileExists(atPath: text), let at = text.lastIndex(of: "@"),
            let step = Int(text[text.index(after: at)...])
        else { return text }
        let run = RunDirectory(existing: String(text[..<at]))
        let steps = run.savedSteps
        guard steps.contains(step) else {
            throw PixNerdError(
                .notFound, "\(run.path)", found: "has no saved step \(step)",
                expected: steps.isEmpty
                    ? "a run with saved steps" : "one of \(listed(steps.prefix(12).map(String.init), of: steps.count))")
        }
        return run.stepPath(step)
    }
}
