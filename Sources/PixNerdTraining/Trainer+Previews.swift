import PixNerdImages
import PixNerdTensors

extension Trainer {
    /// Writes previews of the EMA and the raw weights.
    ///
    /// - Parameter journal: the log of rank 0; nil on other processes.
    func writePreviews(_ journal: TrainingJournal?) throws {
        let average = gatheredAverage()
        guard let journal else { return }
        let name = "step-" + state.step.zeroPadded(to: 6)
        if let average {
            let picture = try task.withWeights(average) { try task.preview() }
            try write(picture, "\(name).png", tag: "preview/ema", journal)
        }
        try write(try task.preview(), "\(name)-raw.png", tag: "preview/raw", journal)
        // The bf16 copies of these weights would only take memory from the next step.
        for weight in (average ?? []) + task.parameters.map(\.value) { weight.forgetCopies() }
        MemoryPool.shared.releaseKept()
    }

    /// The trained values of the EMA that is sampled from, on rank 0; nil without an EMA. All shards of it are fetched, so that
    /// no other process has to answer requests while rank 0 samples.
    func gatheredAverage() -> [Tensor]? {
        guard !state.averages.isEmpty else { return nil }
        var average: [Tensor]?
        state.withWholeTensors(exchange) { tensor in
            average = task.trained.indices.map { tensor(state.set(ofAverage: 0), $0) }
        }
        return average
    }

    private func write(_ picture: RGBImage, _ name: String, tag: String, _ journal: TrainingJournal) throws {
        try ImageFile.writePNG(picture, to: "\(run.previewsPath)/\(name)")
        try journal.write(picture, tag: tag, step: state.step)
    }
}
