import ArgumentParser
import Foundation
import PixNerdDiffusion
import PixNerdDistributed
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Tells what a checkpoint holds; without one, what the products run on.",
        discussion: """
            Of a checkpoint: its tensors, the architecture read off them, parameters, what a forward pass costs, and what is \
            unknown in it. Nothing in it is run. Of a DINOv2 encoder: the same, and how it resamples positions. Of an \
            AutoencoderKL: its published kind, scale and fingerprint.

            Without a checkpoint: processor, instruction set, threads, the library that does the matrix multiplications \
            (OpenBLAS, or what the environment's PIXNERD_BLAS names), which of its kernels run and why, and what else is \
            installed.

              pixnerd info
              pixnerd info model.ckpt --size 512
              pixnerd info dinov2_vitb14_pretrain.pth
              pixnerd info sd-vae-ft-mse
            """)

    @Argument(
        help: """
            A run directory, a step in one, a .safetensors, .ckpt, .pt or .pth file, or a directory of transformers or \
            diffusers.
            """)
    var path: String?

    @Option(help: "HEIGHTxWIDTH of the picture whose cost is told, or one number for both.")
    var size: String?

    @OptionGroup var encoder: EncoderOptions

    @Flag(help: "Every tensor on a line of its own.")
    var tensors = false

    @Flag(help: "JSON.")
    var json = false

    func run() throws {
        guard let path else {
            guard !json, !tensors, size == nil else {
                throw CommandError("--json, --tensors and --size tell about a checkpoint; name one.")
            }
            printMachine()
            return
        }
        if let file = try? DINOv2File(path: path), file.isRecognised {
            let size = try size.map(sides(of:))
            let summary = try EncoderSummary(
                file, heads: encoder.heads, size: size ?? (256, 256), basePatch: encoder.basePatch ?? 16)
            try show(summary) { EncoderReport(summary, everyTensor: tensors).text }
            return
        }
        if AutoencoderCheckpoint.isAutoencoder(path: path) {
            let size = try size.map(sides(of:))
            let summary = try AutoencoderSummary(AutoencoderCheckpoint(path: path), size: size ?? (256, 256))
            try show(summary) { AutoencoderReport(summary, everyTensor: tensors).text }
            return
        }
        let summary = try CheckpointSummary(DenoiserCheckpoint(path: path), size: size.map(sides(of:)))
        try show(summary) { CheckpointReport(summary, everyTensor: tensors).text }
    }

    private func show(_ summary: some Encodable, text: () -> String) throws {
        print(json ? try JSON.text(summary, isPretty: true) : text())
    }

    private func printMachine() {
        let machine = Machine()
        print(
            """
            processor        \(machine.processor)
            instruction set  \(machine.instructionSet)
            memory           \(String(format: "%.1f", Double(machine.memory) / 1e9)) GB
            threads          \(Threads.count)
            matmul           \(matmulText(machine))
            kernels          \(machine.kernelChoice ?? (machine.blas == nil ? "none" : "its own choice"))
            oneDNN           \(machine.oneDNN ?? missingOneDNNText(machine))
            fp32             \(float32Text(machine))
            bf16             \(machine.bfloat16Obstacle ?? bfloat16Text(machine))
            MPI              \(mpiText)
            """)
        for remark in [machine.instructionSetProblem, machine.blasObstacle, machine.warning].compactMap({ $0 }) { print("\n\(remark)") }
    }

    private func matmulText(_ machine: Machine) -> String {
        guard let blas = machine.blas, let path = machine.blasPath else { return "no library found" }
        return blas == path ? path : "\(blas), \(path)"
    }

    private var mpiText: String {
        Launch.library.version.map { "\($0), for train, sample, evaluate and bench under mpirun" }
            ?? "Open MPI not found, which is only needed to work on several machines (Debian, Ubuntu: openmpi-bin)"
    }

    private func missingOneDNNText(_ machine: Machine) -> String {
        machine.hasBFloat16
            ? "not found; on this processor it allows bf16, in which large models train up to twice as fast (Debian, Ubuntu: "
                + "libdnnl2 or libdnnl3)"
            : "not found, and of no use on this processor, which does not multiply bf16"
    }

    private func bfloat16Text(_ machine: Machine) -> String {
        "for what is given precision bf16, by oneDNN"
            + (machine.packsWeights ? "; without gradients from packed weights, by kernels of this program" : "")
    }

    private func float32Text(_ machine: Machine) -> String {
        guard let library = machine.blas else { return "no library found" }
        guard let sizes = machine.oneDNNSizes else { return "by \(library)" }
        let ends = [sizes.lowerBound, sizes.upperBound].map { "\($0 >> 20)" }.joined(separator: " to ")
        return "by \(library); products of \(ends) million multiply-adds, which it does faster, by oneDNN"
    }
}
