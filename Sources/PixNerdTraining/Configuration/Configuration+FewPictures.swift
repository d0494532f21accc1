import PixNerdModels

/// Keys of runs that begin with a checkpoint and train a part of it, or a new class from few pictures.
extension Configuration {
    /// How a run begins with the weights of `from`.
    public struct StartSection: Sendable, Equatable {
        /// The set of weights.
        public enum Weights: String, Sendable, CaseIterable {
            /// EMA if the checkpoint has it.
            case auto
            case ema
            case raw

            var kind: WeightKind? { WeightKind(rawValue: rawValue) }
        }

        /// What becomes of the table of classes.
        public enum Classes: String, Sendable, CaseIterable {
            /// As it is for as many classes; else extended if the images have one of its classes, and replaced if not.
            case auto
            /// All its classes stay, and those that only the images have come behind them.
            case extend
            /// Only the classes of the images stay.
            case replace
        }

        public var weights = Weights.auto
        public var classes = Classes.auto
        /// The class of `from` that new classes begin as; empty for the mean of all.
        public var like = ""
    }

    /// What of a model is trained.
    public enum Trained: String, Sendable, CaseIterable {
        /// Everything, except what `training.freeze` names.
        case all
        /// Low-rank products that are added to matrices, and the rows of new classes.
        case lora
        /// The rows of new classes.
        case rows
    }

    /// The low-rank products that are trained if `training.train` is `lora` (Hu et al., arXiv 2106.09685).
    public struct LoRASection: Sendable, Equatable {
        public var rank = 8
        /// The products are multiplied by `alpha / rank`.
        public var alpha: Float = 8
        /// Fraction of the inputs of the products that is dropped, the same ones for all images of a step.
        public var dropout: Float = 0
        /// Patterns of names of matrices; empty for those of the transformer blocks.
        public var targets: [String] = []
    }

    /// A class that is learned from few pictures beside images of the others (DreamBooth, arXiv 2208.12242).
    public struct SubjectSection: Sendable, Equatable {
        /// Name of the class; empty for none.
        public var className = ""
        /// Weight of the loss of the other images, whose mean is taken apart.
        public var priorWeight: Float = 1
    }
}
