import ArgumentParser

struct VaeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vae",
        abstract: "Measures autoencoders of images and films, and encodes and decodes films.",
        discussion: """
              pixnerd vae check sd-vae-ft-mse datasets/mine
              pixnerd vae compare sd-vae-ft-mse checkpoints/my-autoencoder datasets/mine \\
                --out vaes.png
              pixnerd vae encode OpenSora-VAE-v1.2 film.gif --out film.safetensors
              pixnerd vae decode OpenSora-VAE-v1.2 film.safetensors --out film.gif
            """,
        subcommands: [
            VaeCheckCommand.self, VaeCompareCommand.self, VaeEncodeCommand.self, VaeDecodeCommand.self,
        ])
}
