import PixNerdImages
import PixNerdTensors

extension Trainer {
    /// What the moving average makes, and what the raw weights do; from rank 0, whose journal it is.
    func writePreviews(_ journal: TrainingJournal?) throws {
        // Whole averages are fetched before pictures are made of them, so that others wait without being asked.
        var average: [Tensor]?
        if !state.averages.isEmpty {
            state.withWholeTensors(exchange) { tensor in
                average = task.parameters.indices.map { tensor(TrainingState.set(ofAverage: 0), $0) }
            }
        }
        guard let journal else { return }
        let name = "step-" + state.step.zeroPadded(to: 6)
        if let average {
            let picture = try task.withWeights(average) { try task.preview() }
            try write(picture, "\(name).png", tag: "preview/ema", journal)
        }
        try write(try task.preview(), "\(name)-raw.png", tag: "preview/raw", journal)
        // What bf16 products keep of weights would only take memory beside the next step's.
        for weight in (average ?? []) + task.parameters.map(\.value) { weight.forgetCopies() }
        MemoryPool.shared.releaseKept()
    }

    private func write(_ picture: RGBImage, _ name: String, tag: String, _ journal: TrainingJournal) throws {
        try ImageFile.writePNG(picture, to: "\(run.previewsPath)/\(name)")
        try journal.write(picture, tag: tag, step: state.step)
    }
}
