import ArgumentParser
import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// The values of `--weights`.
enum ConvertedWeights: String, ExpressibleByArgument, CaseIterable {
    case ema
    case raw
    case both
}

/// The number formats of stored weights.
enum ConvertedType: String, ExpressibleByArgument, CaseIterable {
    case f32
    case f16
    case bf16

    var elementType: ElementType {
        switch self {
        case .f32: .float32
        case .f16: .float16
        case .bf16: .bfloat16
        }
    }
}

struct ConvertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "convert",
        abstract: "Converts a PyTorch checkpoint or a run to a single .safetensors file.",
        discussion: """
            By default both sets of weights keep their published names, denoiser.* and ema_denoiser.*. One set \
            becomes a state dict without a prefix, which a PyTorch model loads with \
            load_state_dict(safetensors.torch.load_file(OUTPUT)).

              pixnerd convert model.ckpt model.safetensors
              pixnerd convert checkpoints/shapes shapes-ema.safetensors \\
                --weights ema --dtype bf16

            With --lora the output is one set of weights, by default the EMA, into which the LoRAs are merged.

              pixnerd convert PixArt-Sigma-XL-2-512-MS styled.safetensors \\
                --lora style.safetensors:0.8
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var input: String

    @Argument(help: "The .safetensors file to write.")
    var output: String

    @Option(
        help: """
            ema or raw for a state dict without a prefix; both for all tensors under their names (default: both, or \
            one of them with --lora).
            """)
    var weights: ConvertedWeights?

    @Option(name: .customLong("dtype"), help: "f32, f16 or bf16 (default: the types in the checkpoint).")
    var type: ConvertedType?

    @OptionGroup var adapters: AdapterOptions

    @Flag(help: "Overwrite an existing file.")
    var overwrite = false

    func validate() throws {
        guard output.hasSuffix(".safetensors") else {
            throw ValidationError(
                "The output is '\(output)'; it must end in .safetensors, which PyTorch reads with "
                    + "safetensors.torch.load_file."
            )
        }
        guard adapters.loras.isEmpty || weights != .both else {
            throw ValidationError("--weights is both, and LoRAs are merged into one set; give ema or raw.")
        }
    }

    func run() throws {
        try expectOutput("The output", output, overwrites: overwrite)
        let checkpoint = try DenoiserCheckpoint(path: input).adapted(by: adapters.choices())
        let logger = makeLogger()
        for remark in checkpoint.adapterRemarks { logger.notice("\(remark)") }
        let conversion = try checkpoint.conversion(kinds(checkpoint), type: type?.elementType)
        for unreadable in checkpoint.files.flatMap(\.notes.unreadable) {
            logger.warning("\(unreadable.name) is left out: it is \(unreadable.reason), which cannot be read.")
        }
        let progress = ProgressBar(total: 100, isPercentage: true)
        let result = try conversion.write(to: output, metadata: checkpoint.describedMetadata) {
            progress.show(Int(100 * $0), "written")
        }
        ProgressBar.breakLine()
        for (name, count) in result.overflows {
            logger.warning("\(name): \(count) values are too large for the new type and became infinite.")
        }
        let size = String(format: "%.2f MB", Double(result.bytes) / 1e6)
        print("\(counted(result.tensors, "tensor")) of \(size) \(result.tensors == 1 ? "is" : "are") in \(output).")
    }

    /// The weights to keep; nil for both sets.
    private func kinds(_ checkpoint: DenoiserCheckpoint) -> WeightKind? {
        switch weights {
        case .ema: .ema
        case .raw: .raw
        case .both: nil
        case nil: adapters.loras.isEmpty ? nil : checkpoint.preferred(nil)
        }
    }
}
