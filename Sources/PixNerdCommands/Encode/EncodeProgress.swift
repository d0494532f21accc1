import Foundation
import Logging
import PixNerdPrecompute

extension ShardWatcher {
    /// A watcher that shows a progress bar, logs remarks, and stops at Ctrl-C.
    ///
    /// - Parameters:
    ///   - total: Number of things to encode.
    ///   - unit: What they are, such as "images".
    ///   - batch: Number that are encoded at once.
    init(total: Int, unit: String, batch: Int, logger: Logger) {
        self.init()
        let bar = ProgressBar(total: total)
        let start = Date()
        var first: Int?
        unreadable = { logger.warning("Skipping an unreadable image, as training does: \($0)") }
        remark = { logger.warning("\($0)") }
        progress = { done in
            let begin = first ?? done - batch
            first = begin
            let rate = Double(done - begin) / max(Date().timeIntervalSince(start), 1e-9)
            bar.show(done, String(format: "%.1f \(unit)/s", rate))
        }
        shouldStop = Interruption.watch()
    }
}
