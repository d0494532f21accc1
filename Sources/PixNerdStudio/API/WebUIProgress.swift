import Foundation

/// The answer to AUTOMATIC1111's `progress`.
struct WebUIProgress: Encodable {
    struct State: Encodable {
        let skipped = false
        let interrupted = false
        let stoppingGeneration = false
        let job: String
        let jobCount: Int
        let jobNo: Int
        let jobTimestamp: String
        let samplingStep: Int
        let samplingSteps: Int

        enum CodingKeys: String, CodingKey {
            case skipped, interrupted, stoppingGeneration, job, jobCount, jobNo, jobTimestamp, samplingStep
            case samplingSteps
        }
    }

    let progress: Double
    /// Seconds.
    let etaRelative: Double
    let state: State
    let currentImage: String?
    let textinfo: String?

    /// - Parameters:
    ///   - job: The job that runs; nil if none does.
    ///   - newest: The newest step of a job of this interface.
    init(_ job: JobStatus?, _ newest: (step: SamplingWork.Step, started: Date)?, showsImage: Bool) {
        let step = newest.flatMap { newest in newest.step.job == job?.id ? newest : nil }
        let done = job.map { $0.total > 0 ? Double($0.done) / Double($0.total) : 0 } ?? 0
        progress = done
        let elapsed = step.map { Date().timeIntervalSince($0.started) } ?? 0
        etaRelative = done > 0 ? elapsed / done * (1 - done) : 0
        state = State(
            job: job?.id ?? "", jobCount: job == nil ? 0 : 1, jobNo: 0,
            jobTimestamp: job.map { String(Int($0.created)) } ?? "0", samplingStep: step?.step.step ?? 0,
            samplingSteps: step?.step.steps ?? 0)
        currentImage = showsImage ? step?.step.pictures.first?.base64EncodedString() : nil
        textinfo = nil
    }

    enum CodingKeys: String, CodingKey { case progress, etaRelative, state, currentImage, textinfo }

    func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encode(progress, forKey: .progress)
        try values.encode(etaRelative, forKey: .etaRelative)
        try values.encode(state, forKey: .state)
        try values.encode(currentImage, forKey: .currentImage)
        try values.encode(textinfo, forKey: .textinfo)
    }
}
