import Foundation
import InMemoryLogging
import Logging
import PixNerdComparison
import PixNerdImages
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// A comparison of models of some thousand parameters on pictures of 16 x 16, all in a directory of a test's own.
struct TinyComparison {
    let directory: String

    static func with<R>(_ body: (TinyComparison) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            try ShapesDataset.write(to: "\(directory)/shapes", imagesPerClass: 3, size: 16, seed: 5)
            try ShapesDataset.write(to: "\(directory)/held-out", imagesPerClass: 2, size: 16, seed: 6)
            return try body(TinyComparison(directory: directory))
        }
    }

    /// Three pipelines of sixteen tokens, four steps of which the second and the last are measured.
    var text: String {
        """
        name: tiny
        directory: \(directory)
        shared:
          seed: 3
          threads: 2
          data: {root: \(directory)/shapes, image_size: 16}
          model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
          training: {steps: 4, batch_size: 4, learning_rate: 1.0e-3, log_every: 1, save_every: 2}
        pipelines:
          field:
            model: {patch_size: 4}
          linear:
            model: {patch_size: 4, head: linear}
          latent:
            space: latent
            latent: {check_scale: false}
            model: {patch_size: 2, head: linear}
            autoencoder:
              autoencoder:
                block_out_channels: [4, 8]
                norm_num_groups: 4
                mid_block_add_attention: false
              training: {steps: 3, batch_size: 4, learning_rate: 1.0e-3, log_every: 1, save_every: 3}
        evaluation:
          reference: \(directory)/held-out
          pictures: 8
          batch: 4
          steps: 3
          guidance: [1.0, 2.5]
          resamples: 3
          round_trips: 6
          classes: 4
          per_class: 2
        """
    }

    func comparison(_ settings: [String] = [], text: String? = nil) throws -> PipelineComparison {
        let handler = InMemoryLogHandler()
        return try PipelineComparison(
            ComparisonConfiguration(text: text ?? self.text, origin: "compare.yaml", settings: settings),
            program: "pixnerd of the tests", logger: Logger(label: "test") { _ in handler })
    }

    /// Does everything that is left to do, in this process.
    ///
    /// - Returns: the units that were done.
    @discardableResult
    func run(_ comparison: PipelineComparison) throws -> [ComparisonUnit] {
        var done: [ComparisonUnit] = []
        func perform(_ unit: ComparisonUnit) throws -> Bool {
            done.append(unit)
            return try comparison.perform(unit, shouldStop: { false })
        }
        let isFinished = try comparison.run(shouldStop: { false }, perform: perform)
        #expect(isFinished)
        return done
    }
}

/// What was found of the pipelines, as JSON without what depends on the clock, the process, and the place.
func withoutTimes(_ results: ComparisonResults, in directory: String) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
        positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    let times = ["seconds", "picturesPerSecond", "peakMemory", "encodedPerSecond", "decodedPerSecond"]
    let text = String(decoding: try encoder.encode(results.pipelines), as: UTF8.self)
    return text.split(separator: "\n").filter { line in
        !times.contains { line.contains("\"\($0)\" :") }
    }.joined(separator: "\n").replacingOccurrences(of: directory, with: "")
}
