import PixNerdSupport

/// What guidance needs, which depends on the classes of the images where it is not set.
extension Configuration {
    private static let usualLabelDropout: Float = 0.1

    /// Fraction of images trained without a class or text; the usual one where neither the configuration nor the images
    /// have decided.
    package var labelDropout: Float { training.labelDropout ?? Self.usualLabelDropout }

    /// Decides what is left to the images: with a single class and no values there is nothing for guidance to compare with.
    ///
    /// - Parameter classes: number of classes of the images; nil if they have captions, or sets of classes.
    package mutating func decideGuidance(classes: Int?) {
        let isSingle = classes == 1 && data.values.isEmpty
        training.labelDropout = training.labelDropout ?? (isSingle ? 0 : Self.usualLabelDropout)
        sampling.guidance = sampling.guidance ?? (isSingle ? 1 : SamplingSection.usualGuidance)
    }

    /// Whether something depends on the number of classes of the images.
    package var leavesToImages: Bool {
        model.classes == 0 || training.labelDropout == nil || sampling.guidance == nil
    }

    /// A sentence about what the images have decided otherwise than usual; nil if nothing.
    ///
    /// - Parameter asked: the configuration before.
    func guidanceNotice(asked: Configuration) -> String? {
        let dropout = asked.training.labelDropout == nil && labelDropout == 0 ? ["training.label_dropout is 0"] : []
        let guidance = asked.sampling.guidance == nil && sampling.guidance == 1 ? ["sampling.guidance is 1"] : []
        let decided = dropout + guidance
        guard !decided.isEmpty else { return nil }
        return "the images have one class, which guidance has nothing to compare with: "
            + decided.joined(separator: " and ")
    }
}
