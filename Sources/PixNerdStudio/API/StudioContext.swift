import Foundation
import Hummingbird
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors

/// Everything that the routes answer from.
struct StudioContext: Sendable {
    let options: StudioOptions
    let runs: RunList
    let models: ModelList
    let inputs: InputStore
    let gallery: Gallery
    let queue: SamplingQueue
    let training: TrainingSupervisor
    let datasets: DatasetList
    let events: EventHub

    init(_ options: StudioOptions) {
        self.options = options
        runs = RunList(folder: options.checkpoints)
        models = ModelList(runs)
        inputs = InputStore(folder: RunFiles(options).inputs)
        gallery = Gallery(folder: RunFiles(options).gallery)
        events = EventHub()
        queue = SamplingQueue(options, runs, inputs, gallery, events)
        training = TrainingSupervisor(options, runs)
        datasets = DatasetList(options)
    }

    /// Makes jobs and trainings share the processors, and pages hear of changes.
    func connect() async {
        let (queue, training, announce) = (queue, training, announce)
        await queue.connect(
            mayRun: { await training.yieldToJob() }, whenIdle: { await training.resumePaused() }, onChange: announce)
        await training.connect(onChange: {
            await announce()
            await queue.advance()
        })
    }

    /// What the page shows at its top.
    struct State: Encodable, Sendable {
        struct MachineEntry: Encodable, Sendable {
            let processor: String
            let threads: Int
            let memoryGb: Double
        }

        let program: String
        let machine: MachineEntry
        let jobs: [JobStatus]
        let training: TrainingStatus?
        let whileTraining: WhileTraining

        private enum CodingKeys: String, CodingKey {
            case program, machine, jobs, training, whileTraining
        }

        func encode(to encoder: any Encoder) throws {
            var values = encoder.container(keyedBy: CodingKeys.self)
            try values.encode(program, forKey: .program)
            try values.encode(machine, forKey: .machine)
            try values.encode(jobs, forKey: .jobs)
            // Null, so that a page sees that a training is over.
            try values.encode(training, forKey: .training)
            try values.encode(whileTraining, forKey: .whileTraining)
        }
    }

    func state() async -> State {
        let memory = (Double(ProcessInfo.processInfo.physicalMemory) / 1e8).rounded() / 10
        return State(
            program: options.program.name,
            machine: .init(processor: Machine().processor, threads: Threads.count, memoryGb: memory),
            jobs: await queue.statuses, training: await training.status, whileTraining: await training.whileTraining)
    }

    /// Sends the state to all open pages.
    @Sendable func announce() async {
        guard events.isHeard else { return }
        let state = await state()
        events.send("state", state)
    }
}
