import PixNerdDiffusion

extension Configuration {
    /// What a model that is sampled in few steps learns, off by default.
    public struct FewStepsSection: Sendable, Equatable {
        /// What the model learns in the place of the velocity.
        public enum Method: String, Sendable, CaseIterable {
            case none
            /// The guided velocity of a teacher, by a scale that the model is told.
            case guidance
            /// Mean velocities that are the means of their parts, with the velocity of a teacher.
            case split
            /// Mean velocities by MeanFlow, without a teacher.
            case meanFlow = "meanflow"
            /// Mean velocities by improved MeanFlow, without a teacher.
            case improved

            /// Whether a trained model is the teacher.
            public var needsTeacher: Bool { self == .guidance || self == .split }

            /// What the model is told besides what its teacher is told.
            var number: ModelNumber? {
                switch self {
                case .none: nil
                case .guidance: .strength
                case .split, .meanFlow, .improved: .interval
                }
            }
        }

        public var method = Method.none
        /// Path of the teacher: a file, a run, a step in one, or `RUN@STEP`; empty for none.
        public var teacher = ""
        /// How far above 1 the scales that the model is told may be.
        public var guidanceMax: Float = 7
        /// Fraction of the images that learn the velocity instead of a mean velocity.
        public var velocityShare: Float = 0.5
    }
}
