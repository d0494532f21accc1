import ArgumentParser
import Checkpoints
import Foundation
import Layers
import Training

extension WeightKind: ExpressibleByArgument {}

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Shows that this program computes what PyTorch computes.",
        discussion: """
            REFERENCE is a .safetensors file that PyTorch wrote. It holds x, t, y and velocity; or a training run as
            train.x, train.y, train.t, train.noise and train.loss, with grad.denoiser.*, final.denoiser.* and
            final.ema_denoiser.* where they are to be compared; or both. Tests/Fixtures/make_fixtures.py writes such
            files. A run of several steps may be ten times as far away as a forward pass or a gradient.

              pixnerd verify model.safetensors reference.safetensors
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var checkpoint: String

    @Argument(help: "What PyTorch computed, a .safetensors file.")
    var reference: String

    @Option(help: "The largest relative error, in the Frobenius norm.")
    var tolerance = 1e-4

    @Option(help: "The weights that velocity is checked with, ema or raw; ema where the checkpoint has them.")
    var weights: WeightKind?

    @Option(help: "Learning rate of the replayed training run.")
    var learningRate: Float = 1e-4

    @Option(help: "Weight decay of the replayed training run.")
    var weightDecay: Float = 0

    @Option(name: .customLong("ema"), help: "Decay of the moving average in the replayed training run.")
    var averageDecay: Float = 0.9999

    func run() throws {
        let checkpoint = try PixNerdCheckpoint(path: checkpoint)
        let check = ReferenceCheck(
            checkpoint: checkpoint, reference: try SafetensorsFile(path: reference), tolerance: tolerance)
        guard check.hasVelocity || check.hasTraining else {
            throw CommandError(
                "\(reference) holds neither velocity nor train.loss; see pixnerd verify --help for what is compared.")
        }
        var comparisons: [Comparison] = []
        if check.hasVelocity {
            comparisons.append(try check.velocity(checkpoint.chosen(weights, logger: makeLogger())))
        }
        if check.hasTraining {
            comparisons += try check.training(
                AdamW.Settings(learningRate: learningRate, weightDecay: weightDecay), averageDecay: averageDecay)
        }
        let width = comparisons.map(\.name.count).max() ?? 0
        print("tensor".padding(toLength: width + 2, withPad: " ", startingAt: 0) + "largest    relative   allowed")
        for comparison in comparisons {
            print(
                comparison.name.padding(toLength: width + 2, withPad: " ", startingAt: 0)
                    + String(
                        format: "%.2e   %.2e   %.0e", comparison.largest, comparison.relative, comparison.tolerance)
                    + (comparison.passes ? "" : "   too far"))
        }
        let failed = comparisons.filter { !$0.passes }.count
        print(failed == 0 ? "All \(comparisons.count) agree." : "\(failed) of \(comparisons.count) are too far away.")
        if failed > 0 { throw ExitCode(1) }
    }
}
