import Foundation

/// The memory that this process may use.
package enum AvailableMemory {
    /// Bytes of memory: that of the machine, or what the limits of control groups and of the process leave of it.
    package static var bytes: Int {
        let groups = (try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8)) ?? ""
        let limits = groupLimits(groups, mounted: "/sys/fs/cgroup") + processLimits()
        return limits.reduce(Int(clamping: ProcessInfo.processInfo.physicalMemory), min)
    }

    /// Checks that some bytes fit into it.
    ///
    /// - Parameter subject: what takes them, such as "A batch of 8 images".
    /// - Throws: `PixNerdError` with both numbers.
    package static func expect(_ needed: Double, for subject: ErrorText, advice: ErrorText) throws {
        let available = Double(bytes)
        guard needed > available else { return }
        throw PixNerdError(
            .system, subject,
            found: "takes more than \(gigabytes(needed)) of memory, and \(gigabytes(available)) are available",
            advice: advice)
    }

    /// The memory limits of the control groups that a process is in, and of the groups around them.
    ///
    /// - Parameters:
    ///   - groups: the text of `/proc/self/cgroup`: lines such as `0::/user.slice` (version 2) and `4:memory:/docker/a`
    ///     (version 1).
    ///   - root: the folder that control groups are mounted in.
    package static func groupLimits(_ groups: String, mounted root: String) -> [Int] {
        groups.split(separator: "\n").flatMap { line -> [Int] in
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { return [] }
            if fields[1].isEmpty {
                return ["", "/unified"].flatMap { limits("\(root)\($0)", String(fields[2]), "memory.max") }
            }
            guard fields[1].split(separator: ",").contains("memory") else { return [] }
            return limits("\(root)/memory", String(fields[2]), "memory.limit_in_bytes")
        }
    }

    /// The limits in a group's folder and in those above it, up to `root`, which a container sees as its own group.
    private static func limits(_ root: String, _ group: String, _ name: String) -> [Int] {
        var names = group.split(separator: "/")
        var limits: [Int] = []
        while true {
            let path = ([root] + names.map(String.init) + [name]).joined(separator: "/")
            if let text = try? String(contentsOfFile: path, encoding: .utf8),
                let limit = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
            {
                limits.append(limit)
            }
            guard names.popLast() != nil else { return limits }
        }
    }

    /// What the limits of address space and data (`ulimit -v` and `ulimit -d`) leave to this process.
    private static func processLimits() -> [Int] {
        // Pages: all, resident, shared, code, 0, data.
        let text = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        let pages = text.split(whereSeparator: \.isWhitespace).map { Int($0) ?? 0 }
        return [(RLIMIT_AS, 0), (RLIMIT_DATA, 5)].compactMap { limit, place in
            var value = rlimit()
            guard getrlimit(__rlimit_resource_t(limit.rawValue), &value) == 0, value.rlim_cur < UInt64(Int.max) else {
                return nil
            }
            let used = pages.indices.contains(place) ? pages[place] * Int(getpagesize()) : 0
            return max(0, Int(value.rlim_cur) - used)
        }
    }
}
