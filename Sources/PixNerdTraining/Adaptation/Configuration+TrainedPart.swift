import PixNerdSupport

extension Configuration {
    /// Checks that what is said about the trained part fits the rest.
    ///
    /// - Parameter classes: the classes of a run that begins with those of another model.
    /// - Throws: `PixNerdError` naming the key that does not fit.
    func checkTrainedPart(_ classes: BegunClasses?) throws {
        let train = training.train
        if train != .lora, let key = firstKeyInUse(of: "lora") {
            throw PixNerdError(
                .mismatch, "\(key)", found: "is set, but training.train is \(train.rawValue)",
                advice: "set training.train to lora, or remove \(key)")
        }
        guard train != .all else { return }
        try Self.expectNone([
            Clash(
                from.isEmpty, "training.train", "is \(train.rawValue), and from is empty",
                "set from to the model whose weights stay"),
            Clash(
                !training.freeze.isEmpty, "training.freeze",
                "is set, but training.train is \(train.rawValue), with which no weight of the model is trained as a whole",
                "remove it"),
            Clash(
                train == .rows && classes?.new.isEmpty != false, "training.train",
                "is rows, and the images have no class that \(from) does not have", "set it to all or lora"),
            Clash(
                training.optimizer == .muon, "training.optimizer",
                "is muon, which trains whole matrices, and training.train is \(train.rawValue)", "set it to adamw"),
            Clash(
                !training.emaLengths.isEmpty, "training.ema_lengths",
                "is set, but training.train is \(train.rawValue), whose averages follow from small parameters",
                "remove it"),
            Clash(
                fewSteps.method != .none, "few_steps.method",
                "is set, but training.train is \(train.rawValue), and a student needs all its weights", "remove it"),
        ])
    }
}
