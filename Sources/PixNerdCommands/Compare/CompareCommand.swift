import ArgumentParser
import Foundation
import PixNerdComparison
import PixNerdSupport
import PixNerdTraining

struct CompareCommand: ParsableCommand {
    static let name = "compare"

    static let configuration = CommandConfiguration(
        commandName: name,
        abstract: "Trains pipelines that differ only in their space, and evaluates them identically.",
        discussion: """
            CONFIG is a YAML file; configs/compare-*.yaml are examples. The section shared has the keys of pixnerd \
            train that all pipelines share. Each section of pipelines changes some of them, or uses a finished run \
            with run: PATH. A pipeline's autoencoder is trained first, and its cost is counted. Keys with unequal \
            values are reported.

            Everything goes to checkpoints/NAME: runs, images, a record of each finished unit of work, report.json and \
            report.html. Ctrl-C stops; the same command resumes.

              pixnerd compare configs/compare-shapes.yaml
              pixnerd compare configs/compare-cifar10.yaml \\
                --set data.root=PATH/cifar10/train \\
                --set evaluation.reference=PATH/cifar10/test
            """)

    @Argument(help: "Configuration of the comparison, a YAML file.", completion: .file(extensions: ["yaml", "yml"]))
    var config: String?

    @Option(
        name: .customLong("set"),
        help: "Override a value, as KEY=VALUE: a key of the comparison, or of pixnerd train for all pipelines.")
    var settings: [String] = []

    @Flag(help: "List all keys of the comparison itself with defaults and exit.")
    var listKeys = false

    @Flag(help: "Write the report of the finished work and exit.")
    var reportOnly = false

    @Option(help: ArgumentHelp("Do one unit of work in this process.", visibility: .hidden))
    var unit: String?

    func validate() throws {
        guard listKeys || config != nil else {
            throw ValidationError("Give a configuration file, such as configs/compare-shapes.yaml.")
        }
    }

    func run() throws {
        if listKeys {
            print(ComparisonSettings.keyTable)
            return
        }
        guard let config else { return }
        var comparison = try PipelineComparison(
            ComparisonConfiguration(yaml: config, settings: settings),
            program: PixNerdCommand.program, logger: makeLogger())
        comparison.onProgress = ProgressBar.handler()
        if let unit { return try perform(unit, of: comparison) }
        if !reportOnly { try comparison.check() }
        if !reportOnly { makeLogger().noteSlowProducts() }
        print(comparison.summary)
        fflush(nil)
        var isDone = true
        if !reportOnly {
            let shouldStop = Interruption.watch()
            isDone = try comparison.run(
                shouldStop: shouldStop, perform: { unit in try finished(unit, config, shouldStop) })
        }
        let command = shellCommand(["pixnerd", "compare", config] + settings.flatMap { ["--set", $0] })
        let written = try comparison.writeReport(command: command)
        if !isDone { print("Stopped. Resume with: \(command)") }
        print("The report is in \(written.joined(separator: " and ")).")
    }

    /// Does a unit of work in its own process.
    ///
    /// - Returns: whether it was finished; false if it was stopped.
    private func finished(_ unit: ComparisonUnit, _ config: String, _ shouldStop: () -> Bool) throws -> Bool {
        let arguments = ["compare", config] + settings.flatMap { ["--set", $0] } + ["--unit", unit.name]
        switch try UnitProcess.run(arguments, shouldStop: shouldStop) {
        case .finished: return true
        case .stopped: return false
        case .failed: throw ExitCode.failure
        case .killed(let signal):
            throw CommandError(
                "\(unit.description): the process was killed by signal \(signal), possibly for lack of memory; run the same "
                    + "command again to resume.")
        }
    }

    private func perform(_ name: String, of comparison: PipelineComparison) throws {
        guard let unit = comparison.units.first(where: { $0.name == name }) else {
            throw CommandError("The comparison has no unit \(name).")
        }
        guard try comparison.perform(unit, shouldStop: UnitProcess.listen()) else {
            throw ExitCode(UnitProcess.stopped)
        }
    }
}
