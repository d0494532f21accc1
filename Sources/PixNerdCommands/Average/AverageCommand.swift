import ArgumentParser
import Foundation
import PixNerdSampling
import PixNerdSupport
import PixNerdTraining

struct AverageCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "average",
        abstract: "Computes an average of a run's weights, of a length chosen after training.",
        discussion: """
            The run must have been trained with training.ema_lengths, such as [0.05, 0.1]: it then keeps averages of \
            these lengths at each save, from which those of other lengths are computed. The length of an average is \
            the standard deviation of its weights over time, relative to the steps so far.

              pixnerd average checkpoints/shapes --length 0.15
              pixnerd average checkpoints/shapes --length 0.07 --step 2000 \\
                --out average.safetensors

            Without --out the average becomes the one that pixnerd sample takes for the run. pixnerd tune chooses a \
            length by measuring images.
            """)

    @Argument(help: "A run directory.")
    var path: String

    @Option(help: "Length of the average, such as 0.1: best near those that the run keeps, and at most 0.28.")
    var length: Double

    @Option(help: "With --out: the saved step whose average is computed (default: the last).")
    var step: Int?

    @Option(help: "The .safetensors file to write, which pixnerd sample and all others take (default: see above).")
    var out: String?

    @Flag(help: "Overwrite an existing file.")
    var overwrite = false

    func validate() throws {
        guard step == nil || out != nil else {
            throw ValidationError("--step is of an average for a file; name one with --out.")
        }
        try expectOption("--step", step, in: 0...Int.max)
    }

    func run() throws {
        if let out { try expectOutput("--out", out, ending: "safetensors", overwrites: overwrite) }
        let averages = try RunAverages(run: path, step: step)
        let found = try averages.reconstruction(length: length)
        let chosen = ChosenSampling.Average(length: length, step: averages.step)
        let file = out ?? chosen.path(in: averages.run)
        let progress = ProgressBar(total: 100, isPercentage: true)
        try averages.write(found, length: length, to: file) { progress.show(Int(100 * $0), "written") }
        ProgressBar.breakLine()
        if out == nil {
            var sampling = try ChosenSampling(run: path) ?? ChosenSampling()
            sampling.average = chosen
            try sampling.write(to: averages.run)
        }
        let kept = averages.lengths.map { "\($0)" }.joined(separator: ", ")
        let lines = [
            ("average", "length \(length) at step \(averages.step)"),
            ("from", "\(counted(averages.count, "average")) of length \(kept)"),
            ("profile", String(format: "%.2g %% from the one wanted", 100 * found.error)),
            ("weights", String(format: "sum of absolute values %.2f", found.magnification)),
        ]
        print(lines.map { TextTable.line($0.0, $0.1) }.joined(separator: "\n"))
        print(
            out == nil
                ? "pixnerd sample \(path) now takes it; remove \(ChosenSampling.path(in: averages.run)) to go back."
                : "The average is in \(file).")
    }
}
