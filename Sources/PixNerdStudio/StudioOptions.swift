/// Where a studio finds runs, data sets and configurations, and whom it answers.
public struct StudioOptions: Sendable {
    /// Folder of runs and checkpoint files.
    public var checkpoints = "checkpoints"
    /// Folder of data sets.
    public var datasets = "datasets"
    /// Folder of configurations, YAML files.
    public var configurations = "configs"
    /// Address that the server listens on. Any other than this machine's own, 127.0.0.1 or ::1, needs a token.
    public var address = "127.0.0.1"
    /// TCP port; 0 for a free one.
    public var port = 7860
    /// What requests must show to be answered; nil for no token.
    public var token: String?
    /// Names by which browsers may call the server, besides localhost and numeric addresses.
    public var hosts: [String] = []
    /// Web origins, such as `http://localhost:5001`, whose pages may call the server.
    public var origins: [String] = []
    /// Maximum number of jobs that wait or run.
    public var queueLimit = 16
    /// What a job does during a training.
    public var whileTraining = WhileTraining.wait
    /// The program that trains and inspects data sets in processes of its own.
    public var program: StudioProgram

    public init(program: StudioProgram) { self.program = program }
}

/// The program whose commands a studio starts as processes of their own.
public struct StudioProgram: Sendable {
    /// Name and version, such as `pixnerd 0.1.0`.
    public let name: String
    /// Path of the executable.
    public let executable: String
    /// The arguments that train with a configuration file and settings of the form `key=value`, or resume a run.
    public let training: @Sendable (_ configuration: String, _ settings: [String], _ resumes: Bool) -> [String]
    /// The arguments that print a report on a data set, as JSON or as text.
    public let inspection: @Sendable (_ path: String, _ isJSON: Bool) -> [String]

    public init(
        name: String, executable: String,
        training: @escaping @Sendable (_ configuration: String, _ settings: [String], _ resumes: Bool) -> [String],
        inspection: @escaping @Sendable (_ path: String, _ isJSON: Bool) -> [String]
    ) {
        (self.name, self.executable, self.training, self.inspection) = (name, executable, training, inspection)
    }
}

/// What a sampling job does during a training, with which it shares the processors.
public enum WhileTraining: String, Codable, Sendable, CaseIterable {
    /// It waits for the end of the training.
    case wait
    /// It interrupts the training, which goes on when the queue is empty.
    case interrupt
}
