/// A training that goes on, as the page shows it.
struct TrainingStatus: Encodable, Sendable, Equatable {
    enum State: String, Encodable, Sendable { case training, stopping, paused }

    let run: String
    var state: State
    var step: Int?
    var steps: Int?
    /// Seconds since 1970.
    let started: Double?
    var secondsLeft: Double?
    /// Whether this studio can stop it.
    let isOwn: Bool
}

/// A training that the studio can control: another process, or this one.
protocol TrainingControl: Sendable {
    /// Asks it to save and end after its step.
    func stop()
    /// Asks it to save, and to make previews, after its step.
    func save()
    /// Lets the processors to others until `resume`.
    func pause()
    func resume()
    /// Waits for its end.
    func end() async
}
