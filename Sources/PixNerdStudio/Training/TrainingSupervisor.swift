import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTraining

/// The training that shares the processors with sampling jobs. One goes on at a time.
actor TrainingSupervisor {
    private struct Current {
        let run: String
        let control: any TrainingControl
        let started: Double
        var state = TrainingStatus.State.training
        /// What the newest line of the run's log says.
        var record: MetricsRecord?
        var steps: Int?
        var batch: Int?
    }

    private let options: StudioOptions
    private let runs: RunList
    private var current: Current?
    private(set) var whileTraining: WhileTraining
    private var onChange: @Sendable () async -> Void = {}

    init(_ options: StudioOptions, _ runs: RunList) {
        (self.options, self.runs, whileTraining) = (options, runs, options.whileTraining)
    }

    /// - Parameter onChange: Called when the training or the switch changes.
    func connect(onChange: @escaping @Sendable () async -> Void) { self.onChange = onChange }

    func set(_ choice: WhileTraining) async {
        whileTraining = choice
        if choice == .wait { resumePaused() }
        await onChange()
    }

    var status: TrainingStatus? {
        guard let current else { return otherTraining }
        let (step, steps) = (current.record?.step, current.steps)
        var left: Double?
        if let step, let steps, let batch = current.batch, let rate = current.record?.imagesPerSecond, rate > 0 {
            left = Double(max(0, steps - step) * batch) / rate
        }
        return TrainingStatus(
            run: current.run, state: current.state, step: step, steps: steps, started: current.started,
            secondsLeft: left, isOwn: true)
    }

    /// A training that another program started; nil if there is none.
    private var otherTraining: TrainingStatus? {
        guard let entry = runs.entries().first(where: { $0.isRun && $0.run.isInUse }) else { return nil }
        return TrainingStatus(
            run: entry.id, state: .training, step: nil, steps: nil, started: nil, secondsLeft: nil, isOwn: false)
    }

    /// Name of the run that goes on under this studio; nil if there is none.
    var ownRun: String? { current?.run }

    /// Takes note of a line of the run's log.
    func note(_ record: MetricsRecord, of run: String) {
        if current?.run == run { current?.record = record }
    }

    /// Watches over a training.
    func follow(_ control: any TrainingControl, run: String, _ configuration: Configuration) async {
        current = Current(
            run: run, control: control, started: Date().timeIntervalSince1970,
            steps: configuration.training.steps, batch: configuration.training.batchSize)
        await onChange()
        Task {
            await control.end()
            await ended(run)
        }
    }

    private func ended(_ run: String) async {
        if current?.run == run { current = nil }
        await onChange()
    }

    /// Starts a training, or resumes a run.
    ///
    /// - Throws: `StudioFailure` or `PixNerdError` if a training goes on, or the request is not valid.
    func start(_ request: TrainingRequest) async throws -> String {
        if let current {
            throw StudioFailure(
                .conflict, "\(current.run) is being trained; stop it first.", code: "training")
        }
        let plan = try request.plan(options, runs)
        let process = try TrainingProcess(
            executable: options.program.executable, arguments: plan.arguments,
            log: try RunFiles(options).log(of: plan.run))
        await follow(process, run: plan.run, plan.configuration)
        try await expectBeginning(of: plan.run, process)
        return plan.run
    }

    /// Waits until a training has made the folder of its run, so that a page can ask for it.
    ///
    /// - Throws: `StudioFailure` with its last words if it ends before.
    private func expectBeginning(of run: String, _ process: TrainingProcess) async throws {
        for _ in 0..<300 {
            if process.status != 0 {
                let log = FileManager.default.contents(atPath: try RunFiles(options).log(of: run)) ?? Data()
                let words = String(decoding: log.suffix(2000), as: UTF8.self).split(separator: "\n")
                    .last { $0.hasPrefix("Error: ") }
                throw StudioFailure.invalid(words.map { String($0.dropFirst(7)) } ?? "The training could not begin.")
            }
            if (try? runs.run(named: run).run.isInUse) == true { return }
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    func stop() throws {
        try own().stop()
        current?.state = .stopping
    }

    func save() throws { try own().save() }

    private func own() throws -> any TrainingControl {
        guard let current else {
            throw StudioFailure(.conflict, "No training of this studio goes on.", code: "no_training")
        }
        return current.control
    }

    /// Whether a sampling job may run; pauses the training if jobs interrupt it.
    func yieldToJob() -> Bool {
        guard let current else { return true }
        guard whileTraining == .interrupt, current.state != .stopping else { return false }
        if current.state == .training {
            current.control.pause()
            self.current?.state = .paused
        }
        return true
    }

    /// Lets a paused training go on.
    func resumePaused() {
        guard let current, current.state == .paused else { return }
        current.control.resume()
        self.current?.state = .training
    }

    /// Stops the training, which saves, and waits for its end.
    func close() async {
        guard let current else { return }
        current.control.stop()
        await current.control.end()
    }
}
