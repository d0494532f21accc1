import ArgumentParser
import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdTraining

/// Which weights are kept.
enum ConvertedWeights: String, ExpressibleByArgument, CaseIterable {
    case ema
    case raw
    case both
}

/// Number formats that weights are stored in.
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
        abstract: "Turns a checkpoint of PyTorch or of a run into one .safetensors file.",
        discussion: """
            Both sets of weights keep their published names, denoiser.* and ema_denoiser.*; one of them becomes a state \
            dict without a prefix, which a PyTorch model takes: load_state_dict(safetensors.torch.load_file(OUT)).

              pixnerd convert model.ckpt model.safetensors
              pixnerd convert checkpoints/shapes shapes-ema.safetensors \\
                --weights ema --dtype bf16
            """)

    @Argument(help: "A run directory, a step in one, or a .safetensors, .ckpt, .pt or .pth file.")
    var input: String

    @Argument(help: "The .safetensors file to write.")
    var output: String

    @Option(help: "ema or raw for a state dict without a prefix; both for everything under its name.")
    var weights = ConvertedWeights.both

    @Option(name: .customLong("dtype"), help: "f32, f16 or bf16; where not given, the types stay as they are.")
    var type: ConvertedType?

    @Flag(help: "Write over a file that is there.")
    var overwrite = false

    func validate() throws {
        guard output.hasSuffix(".safetensors") else {
            throw ValidationError(
                "OUT is '\(output)'; it must end in .safetensors, which PyTorch reads with safetensors.torch.load_file."
            )
        }
    }

    func run() throws {
        guard overwrite || !FileManager.default.fileExists(atPath: output) else {
            throw CommandError("\(output) is there already; give --overwrite to write over it.")
        }
        let checkpoint = try DenoiserCheckpoint(path: input)
        let logger = makeLogger()
        let conversion = try checkpoint.conversion(kinds, type: type?.elementType)
        for unreadable in checkpoint.files.flatMap(\.notes.unreadable) {
            logger.warning("\(unreadable.name) is left out: it is \(unreadable.reason), which is not read.")
        }
        let progress = ProgressBar(total: 100, isPercentage: true)
        let result = try conversion.write(to: output, metadata: checkpoint.describedMetadata) {
            progress.show(Int(100 * $0), "written")
        }
        ProgressBar.breakLine()
        for (name, count) in result.overflows {
            logger.warning("\(name): \(count) numbers are too large for the new type and became infinite.")
        }
        print("\(result.tensors) tensors, \(String(format: "%.2f", Double(result.bytes) / 1e6)) MB, are in \(output).")
    }

    /// nil for both.
    private var kinds: WeightKind? {
        switch weights {
        case .ema: .ema
        case .raw: .raw
        case .both: nil
        }
    }
}
