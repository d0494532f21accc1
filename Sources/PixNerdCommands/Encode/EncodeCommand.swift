import ArgumentParser

struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Precomputes features, latents, control pictures, or rows of captions and prompts.",
        discussion: """
              pixnerd encode features dinov2_vitb14_pretrain.pth datasets/mine \\
                --out datasets/mine-features
              pixnerd encode latents sd-vae-ft-ema datasets/mine \\
                --out datasets/mine-latents
              pixnerd encode control datasets/mine --edges canny --out datasets/mine-canny
              pixnerd encode text Qwen3-0.6B datasets/mine --out datasets/mine-text
              pixnerd encode prompts flan-t5-large --prompts prompts.txt --out rows
            """,
        subcommands: [
            EncodeFeaturesCommand.self, EncodeLatentsCommand.self, EncodeControlCommand.self, EncodeTextCommand.self,
            EncodePromptsCommand.self,
        ])
}
