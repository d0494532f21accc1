import Foundation
import PixNerdSupport

/// Averages of the weights that a run keeps in `averages/`, so that the length of an average can be chosen afterwards.
/// Removing old steps leaves them.
extension RunDirectory {
    public var averagesPath: String { "\(path)/averages" }

    /// Directory of the averages of a step.
    public func averagesPath(step: Int) -> String { "\(averagesPath)/\(Self.stepName(step))" }

    private static let (prefix, suffix) = ("length-", ".safetensors")

    /// File name of an average in the directory of its step.
    ///
    /// - Parameter length: standard deviation of the average's profile, relative to the number of updates.
    package static func averageName(length: String) -> String { prefix + length + suffix }

    /// The steps of which averages are kept, in order.
    public var averagedSteps: [Int] { Self.steps(in: averagesPath).filter { !averages(step: $0).isEmpty } }

    /// Paths of the averages of a step, sorted by name.
    public func averages(step: Int) -> [String] {
        let directory = averagesPath(step: step)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.filter { $0.hasPrefix(Self.prefix) && $0.hasSuffix(Self.suffix) }.sorted()
            .map { "\(directory)/\($0)" }
    }

    /// Lengths of the averages of a step, as their file names tell, ascending.
    public func averageLengths(step: Int) -> [Double] {
        averages(step: step).compactMap { path in
            let name = URL(fileURLWithPath: path).lastPathComponent
            return Double(name.dropFirst(Self.prefix.count).dropLast(Self.suffix.count))
        }.sorted()
    }

    /// Renames the averages of later steps, which a run that goes on from `step` does not continue.
    package func setAsideAverages(after step: Int) throws {
        for later in Self.steps(in: averagesPath) where later > step { _ = try moveAside(averagesPath(step: later)) }
    }
}
