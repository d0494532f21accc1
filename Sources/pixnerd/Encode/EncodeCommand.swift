import ArgumentParser

struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode", abstract: "Precomputes features or latents for training.",
        discussion: """
              pixnerd encode features dinov2_vitb14_pretrain.pth datasets/mine \\
                --out datasets/mine-features
              pixnerd encode latents sd-vae-ft-ema datasets/mine --out datasets/mine-latents
            """,
        subcommands: [EncodeFeaturesCommand.self, EncodeLatentsCommand.self])
}
