import ArgumentParser
import PixNerdModels

/// The option of LoRAs, of all commands that load a denoiser with some.
struct AdapterOptions: ParsableArguments {
    @Option(
        name: .customLong("lora"),
        help: """
            A LoRA to merge into the weights, perhaps with a strength, as FILE:0.8 (default: 1); may be given several \
            times. A .safetensors file of peft, diffusers, PixArt's trainer or kohya's sd-scripts, or a directory of \
            the first two.
            """)
    var loras: [String] = []

    /// The LoRAs, in the order in which they were given.
    ///
    /// - Throws: `PixNerdError` if a strength is no number.
    func choices() throws -> [LoRAChoice] { try loras.map { try LoRAChoice(text: $0) } }
}
