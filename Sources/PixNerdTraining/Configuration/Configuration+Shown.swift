import PixNerdImages
import PixNerdModels
import PixNerdSupport

/// Pictures that a model is shown, beside the noisy pixels or by a ControlNet.
extension Configuration {
    /// The key by which the model is shown pictures; nil if it is shown none.
    var shownKey: String? { control.isOn ? control.key : data.pictureInput == nil ? nil : "data.condition" }

    /// Checks that pictures that are read beside the noisy pixels fit the rest.
    ///
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func checkCondition() throws {
        let (input, key): (PictureInput?, ErrorText) = (data.pictureInput, "data.condition")
        if input != nil {
            try Self.expectNone([
                Clash(control.isOn, key, "is set, but \(control.key) is set, too", "remove one of them")
            ])
            try checkShown(key)
        }
        guard let scale = input?.scale else {
            try Self.expectNone([
                Clash(
                    data.conditionScale != DataSection().conditionScale, "data.condition_scale",
                    "is set, but \(key) is \(data.condition.isEmpty ? "empty" : data.condition)",
                    "set \(key) to small, or remove data.condition_scale")
            ])
            return
        }
        let sizes = try batchSizes(patch: model.patchSize) + training.fieldSizes.map { ImageSize($0) }
        if let size = sizes.first(where: { !$0.isMultiple(of: ImageSize(scale)) }) {
            throw PixNerdError(
                .mismatch, "data.condition_scale", found: "is \(scale), which does not divide images of \(size)",
                advice: "choose a divisor of all sizes")
        }
    }

    /// Checks that the rest allows for pictures that the model is shown.
    func checkShown(_ key: ErrorText) throws {
        try Self.expectNone([
            Clash(
                space == .latent, key, "is set, but space is latent, and these pictures are pixels",
                "train a model of pixels, or remove \(key)"),
            Clash(
                fewSteps.method != .none, key, "is set, but few_steps.method is \(fewSteps.method.rawValue)",
                "remove one of them"),
            Clash(
                training.train != .all, key, "is set, but training.train is \(training.train.rawValue)",
                "remove one of them"),
            Clash(!subject.className.isEmpty, key, "is set, but subject.class is set, too", "remove one of them"),
            Clash(
                text.isOn && model.conditioning == .joint, key,
                "is set, but model.conditioning is joint_attention",
                "use a model of classes, or one with model.conditioning cross_attention"),
        ])
    }
}

extension Configuration.DataSection {
    /// What the model reads beside the noisy pixels; nil for nothing.
    var pictureInput: PictureInput? {
        guard !condition.isEmpty else { return nil }
        return PictureInput(
            PictureInput.Kind(rawValue: condition).flatMap { $0 == .pictures ? nil : $0 } ?? .pictures,
            scale: conditionScale)
    }
}
