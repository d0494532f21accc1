import Images

extension Trainer {
    /// What the moving average makes, and what the raw weights do.
    func writePreviews(_ journal: TrainingJournal) throws {
        let digits = String(state.step)
        let name = "step-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits
        if let average = state.averages.first {
            let picture = try task.withWeights(average.values) { try task.preview() }
            try write(picture, "\(name).png", tag: "preview/ema", journal)
        }
        try write(try task.preview(), "\(name)-raw.png", tag: "preview/raw", journal)
    }

    private func write(_ picture: RGBImage, _ name: String, tag: String, _ journal: TrainingJournal) throws {
        try ImageFile.writePNG(picture, to: "\(run.previewsPath)/\(name)")
        try journal.write(picture, tag: tag, step: state.step)
    }
}
