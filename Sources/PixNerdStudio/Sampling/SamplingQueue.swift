import Foundation
import PixNerdSupport

/// Sampling jobs, one of which runs at a time.
actor SamplingQueue {
    private struct Entry {
        var status: JobStatus
        /// Nil once the job is over.
        var work: SamplingWork?
        let cancellation = Cancellation()
        let onStep: StepHandler?
        var results: [SamplingWork.Picture] = []
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    /// Number of finished jobs that are remembered, with their pictures' files.
    private static let mostFinished = 20

    private let runs: RunList
    private let inputs: InputStore
    private let gallery: Gallery
    private let events: EventHub
    private let limit: Int
    private let loading = BlockingWork(label: "loading")
    private let sampling = BlockingWork(label: "sampling")
    private var entries: [String: Entry] = [:]
    /// All remembered jobs, oldest first.
    private var order: [String] = []
    /// Number of requests whose models are being loaded.
    private var loadingCount = 0
    private var running: String?
    /// Asks the training to let jobs run; returns whether they may.
    private var mayRun: @Sendable () async -> Bool = { true }
    private var whenIdle: @Sendable () async -> Void = {}
    private var onChange: @Sendable () async -> Void = {}
    private var isClosed = false

    init(
        _ options: StudioOptions, _ runs: RunList, _ inputs: InputStore, _ gallery: Gallery, _ events: EventHub
    ) {
        (self.runs, self.inputs, self.gallery, self.events) = (runs, inputs, gallery, events)
        limit = options.queueLimit
    }

    /// - Parameters:
    ///   - mayRun: Called before a job; returns whether it may run now. `advance` asks again.
    ///   - whenIdle: Called when no job is left.
    ///   - onChange: Called when a job changes.
    func connect(
        mayRun: @escaping @Sendable () async -> Bool, whenIdle: @escaping @Sendable () async -> Void,
        onChange: @escaping @Sendable () async -> Void
    ) {
        (self.mayRun, self.whenIdle, self.onChange) = (mayRun, whenIdle, onChange)
    }

    /// Jobs that wait or run, oldest first, and finished ones, newest first.
    var statuses: [JobStatus] {
        let all = order.compactMap { entries[$0]?.status }
        let open = all.filter { !$0.state.isOver }
        let hasRunning = running != nil
        return open.enumerated().map { place, status in
            var status = status
            status.place = status.state == .running ? 0 : place + (hasRunning ? 0 : 1)
            return status
        } + all.filter(\.state.isOver).reversed()
    }

    private var openCount: Int { order.count { entries[$0]?.status.state.isOver == false } + loadingCount }

    /// The answer to a request when the queue is full.
    private var fullFailure: StudioFailure {
        StudioFailure(
            .tooManyRequests, "\(counted(limit, "job")) wait already; try again when some are done.",
            code: "queue_full", retryAfter: 10)
    }

    /// Receives what is known after each step of a job.
    typealias StepHandler = @Sendable (SamplingWork.Step) -> Void

    /// Checks a request, loads its model, and adds it to the queue.
    ///
    /// - Parameters:
    ///   - promptField: Name of the field of prompts, for messages.
    ///   - onStep: Called after each step, on the thread that samples.
    /// - Throws: `StudioFailure` or `PixNerdError` if the request is not valid or the queue is full.
    func submit(
        _ request: SampleRequest, promptField: String = "prompts", onStep: StepHandler? = nil
    ) async throws -> JobStatus {
        guard !isClosed else {
            throw StudioFailure(.serviceUnavailable, "The studio is shutting down.", code: "closing")
        }
        guard openCount < limit else { throw fullFailure }
        loadingCount += 1
        defer { loadingCount -= 1 }
        let (runs, inputs) = (self.runs, self.inputs)
        let work = try await loading { try SamplingWork(request, runs, inputs, promptField: promptField) }
        let status = JobStatus(
            id: Gallery.newName(), request: work.request, created: Date().timeIntervalSince1970,
            count: work.job.requests.count, warnings: work.warnings)
        entries[status.id] = Entry(status: status, work: work, onStep: onStep)
        order.append(status.id)
        Task {
            await onChange()
            await advance()
        }
        return statuses.first { $0.id == status.id } ?? status
    }

    func status(_ id: String) throws -> JobStatus {
        guard let status = statuses.first(where: { $0.id == id }) else {
            throw StudioFailure.notFound("There is no job '\(id.prefix(60))'.")
        }
        return status
    }

    /// The pictures of a job when it is over.
    ///
    /// - Throws: `StudioFailure` if it failed or was cancelled.
    func results(_ id: String) async throws -> [SamplingWork.Picture] {
        let cancellation = entries[id]?.cancellation
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if entries[id]?.status.state.isOver != false { return continuation.resume() }
                entries[id]?.waiters.append(continuation)
            }
        } onCancel: {
            cancellation?.cancel()
        }
        guard let entry = entries[id] else { throw StudioFailure.notFound("The job '\(id)' is gone.") }
        switch entry.status.state {
        case .done: return entry.results
        case .cancelled: throw StudioFailure(.conflict, "The job was cancelled.", code: "cancelled")
        default:
            throw StudioFailure(
                .internalServerError, entry.status.error ?? "The job failed.", code: "failed")
        }
    }

    /// The pictures of a request of a client that waits for them. If it leaves, the job is cancelled.
    ///
    /// - Throws: `StudioFailure` or `PixNerdError` if the request is not valid, or the job failed or was cancelled.
    nonisolated func pictures(
        _ sample: SampleRequest, for client: StudioRequestContext, onStep: StepHandler? = nil
    ) async throws -> [SamplingWork.Picture] {
        let job = try await submit(sample, promptField: "prompt", onStep: onStep)
        return try await client.whileConnected {
            try await results(job.id)
        } onLeave: {
            Task { try await self.cancel(job.id) }
        }
    }

    /// The job that runs; nil if none does.
    var current: JobStatus? { running.flatMap { entries[$0]?.status } }

    func cancel(_ id: String) async throws {
        guard let entry = entries[id] else { throw StudioFailure.notFound("There is no job '\(id.prefix(60))'.") }
        entry.cancellation.cancel()
        if entry.status.state == .waiting { await finish(id, .cancelled, error: nil) }
    }

    /// Cancels all jobs and takes no more.
    func close() async {
        isClosed = true
        for id in order where entries[id]?.status.state.isOver == false { try? await cancel(id) }
        if let running { _ = try? await results(running) }
    }

    /// Runs the next job if none runs and it may.
    func advance() async {
        guard running == nil, let next = order.first(where: { entries[$0]?.status.state == .waiting }) else { return }
        running = next
        guard await mayRun() else {
            running = nil
            return
        }
        guard entries[next]?.status.state == .waiting else {
            running = nil
            return await advance()
        }
        entries[next]?.status.state = .running
        await onChange()
        await run(next)
        running = nil
        if order.contains(where: { entries[$0]?.status.state == .waiting }) {
            await advance()
        } else {
            await whenIdle()
        }
    }

    private func run(_ id: String) async {
        guard let entry = entries[id], let work = entry.work else { return }
        let events = self.events
        do {
            let pictures = try await sampling {
                try work.run(
                    id: id, isCancelled: { entry.cancellation.isCancelled },
                    isWatched: { events.isHeard || entry.onStep != nil },
                    afterStep: { step in
                        events.send("step", step, about: "step \(id) \(step.first)")
                        entry.onStep?(step)
                        Task { await self.progress(id, step.done, of: step.total) }
                    })
            }
            for picture in pictures {
                try await gallery.add(picture.record, png: picture.shown, frames: picture.frames)
            }
            entries[id]?.results = pictures
            await finish(id, .done, error: nil)
        } catch is CancellationError {
            await finish(id, .cancelled, error: nil)
        } catch {
            await finish(id, .failed, error: StudioFailure(error).message)
        }
    }

    private func progress(_ id: String, _ done: Int, of total: Int) {
        guard let known = entries[id]?.status.done, known < done else { return }
        entries[id]?.status.done = done
        entries[id]?.status.total = total
    }

    private func finish(_ id: String, _ state: JobStatus.State, error: String?) async {
        guard var entry = entries[id], !entry.status.state.isOver else { return }
        (entry.status.state, entry.status.error, entry.work) = (state, error, nil)
        entry.status.pictures = entry.results.map(\.record.id)
        let waiters = entry.waiters
        entry.waiters = []
        entries[id] = entry
        forgetOld()
        for waiter in waiters { waiter.resume() }
        struct Finished: Encodable { let job: JobStatus }
        events.send("finished", Finished(job: entry.status))
        await onChange()
    }

    private func forgetOld() {
        let over = order.filter { entries[$0]?.status.state.isOver == true }
        for id in over.dropLast(Self.mostFinished) {
            entries[id] = nil
            order.removeAll { $0 == id }
        }
    }
}
