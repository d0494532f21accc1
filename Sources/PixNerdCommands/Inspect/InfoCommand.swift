import ArgumentParser
import Foundation
import PixNerdDiffusion
import PixNerdDistributed
import PixNerdImages
import PixNerdInspection
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

struct InfoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "info",
        abstract: "Describes a checkpoint, or the CPU and BLAS in use.",
        discussion: """
            For a checkpoint, prints its tensors, the architecture inferred from them, the number of parameters, the \
            cost of a forward pass, and unknown contents. No code in it is run. For a DINOv2 encoder it also prints \
            how positions are resampled; for an AutoencoderKL, the published kind, scale and fingerprint; for a video \
            autoencoder, its pieces and numbers; for the directory of a Qwen3 or T5, the cost of encoding a prompt.

            Without a checkpoint, prints the processor, instruction set, threads, the library that does the matrix \
            multiplications (OpenBLAS, or the one that the environment variable PIXNERD_BLAS names), which of its \
            kernels run and why, and what else is installed.

              pixnerd info
              pixnerd info model.ckpt --size 512
              pixnerd info dinov2_vitb14_pretrain.pth
              pixnerd info sd-vae-ft-mse
              pixnerd info Qwen3-1.7B
            """)

    @Argument(
        help: """
            A run directory, a step in one, a .safetensors, .ckpt, .pt or .pth file, or a transformers or diffusers \
            directory.
            """)
    var path: String?

    @Option(help: "HEIGHTxWIDTH in pixels of the image for which the cost is computed, or one number for both.")
    var size: String?

    @OptionGroup var encoder: EncoderOptions

    @Flag(help: "List every tensor.")
    var tensors = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        guard let path else {
            guard !json, !tensors, size == nil else {
                throw CommandError("--json, --tensors and --size need a checkpoint; name one.")
            }
            printMachine()
            return
        }
        if let file = try? DINOv2File(path: path), file.isRecognised {
            let size = try size.map(sides(of:))
            let summary = try EncoderSummary(
                file, heads: encoder.heads, size: size ?? 256, basePatch: encoder.basePatch ?? 16,
                naming: Flags.name)
            try show(summary) { EncoderReport(summary, everyTensor: tensors).text }
            return
        }
        if TextEncoderDirectory.isTextEncoder(path: path) {
            guard size == nil else {
                throw CommandError("--size is of images, and \(path) encodes text; leave it out.")
            }
            let summary = try TextEncoderSummary(TextEncoderDirectory(path: path), naming: Flags.name)
            try show(summary) { TextEncoderReport(summary, everyTensor: tensors).text }
            return
        }
        if VideoAutoencoderCheckpoint.isVideoAutoencoder(path: path) {
            let size = try size.map(sides(of:))
            let summary = try VideoAutoencoderSummary(VideoAutoencoderCheckpoint(path: path), size: size ?? 256)
            try show(summary) { VideoAutoencoderReport(summary, everyTensor: tensors).text }
            return
        }
        if !DenoiserCheckpoint.isDiffusersDirectory(path: path), AutoencoderCheckpoint.isAutoencoder(path: path) {
            let size = try size.map(sides(of:))
            let summary = try AutoencoderSummary(AutoencoderCheckpoint(path: path), size: size ?? 256)
            try show(summary) { AutoencoderReport(summary, everyTensor: tensors).text }
            return
        }
        let checkpoint = try DenoiserCheckpoint(path: path).telling(heads: encoder.heads)
        let summary = try CheckpointSummary(checkpoint, size: size.map(sides(of:)))
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
            images           \(ImageFile.libraries.joined(separator: ", "))
            """)
        let remarks = [machine.instructionSetProblem, machine.tileProblem, machine.blasObstacle, machine.warning]
            .compactMap { $0 }
        for remark in remarks { print("\n\(remark)") }
    }

    private func matmulText(_ machine: Machine) -> String {
        guard let blas = machine.blas, let path = machine.blasPath else { return "no library found" }
        return blas == path ? path : "\(blas), \(path)"
    }

    private var mpiText: String {
        Launch.library.version.map { "\($0), for train, sample, evaluate and bench under mpirun" }
            ?? "Open MPI not found; it is only needed for multi-process runs (Debian, Ubuntu: openmpi-bin)"
    }

    private func missingOneDNNText(_ machine: Machine) -> String {
        machine.hasBFloat16
            ? "not found; on this processor it enables bf16, which trains large models up to twice as fast (Debian, "
                + "Ubuntu: libdnnl2 or libdnnl3)"
            : "not found, and not useful on this processor, which has no bf16 instructions"
    }

    private func bfloat16Text(_ machine: Machine) -> String {
        if let rate = machine.measuredTileRate() {
            return "with precision bf16, by this program's kernels over tiles (AMX), whose instruction allows "
                + String(format: "%.0f GFLOP/s", rate / 1e9) + " at the moment"
        }
        return "with precision bf16, by oneDNN"
            + (machine.packsWeights ? "; without gradients, by this program's kernels from packed weights" : "")
    }

    private func float32Text(_ machine: Machine) -> String {
        guard let library = machine.blas else { return "no library found" }
        guard let sizes = machine.oneDNNSizes else { return "by \(library)" }
        let ends = [sizes.lowerBound, sizes.upperBound].map { "\($0 >> 20)" }.joined(separator: " to ")
        return
            "by \(library); by oneDNN for matrix multiplications of \(ends) million multiply-adds, where it is faster"
    }
}
