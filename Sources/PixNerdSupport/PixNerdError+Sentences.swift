extension PixNerdError {
    /// Until all throw their parts.
    public init(_ sentence: String) {
        self.init(.malformed, found: ErrorText(sentence.hasSuffix(".") ? String(sentence.dropLast()) : sentence))
    }

    /// Until all throw their parts.
    public init(description: String) { self.init(description) }
}

public typealias CheckpointError = PixNerdError

public typealias ImageError = PixNerdError

public typealias TrainingError = PixNerdError

public typealias ConfigurationError = PixNerdError

public typealias EvaluationError = PixNerdError

public typealias ArchitectureError = PixNerdError

public typealias SamplingError = PixNerdError

public typealias ComparisonError = PixNerdError

public typealias MatrixLibraryError = PixNerdError

public typealias LaunchError = PixNerdError

public typealias PrecisionError = PixNerdError
