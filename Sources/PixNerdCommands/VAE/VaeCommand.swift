import ArgumentParser

struct VaeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vae", abstract: "Measures autoencoders: the scale of their latents, and their reconstructions.",
        discussion: """
              pixnerd vae check sd-vae-ft-mse datasets/mine
              pixnerd vae compare sd-vae-ft-mse checkpoints/my-autoencoder datasets/mine \\
                --out vaes.png
            """,
        subcommands: [VaeCheckCommand.self, VaeCompareCommand.self])
}
