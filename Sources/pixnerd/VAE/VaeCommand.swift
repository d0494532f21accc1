import ArgumentParser

struct VaeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vae", abstract: "Measures autoencoders: their scale, and what comes back through them.",
        discussion: """
              pixnerd vae check sd-vae-ft-mse datasets/mine
              pixnerd vae compare sd-vae-ft-mse checkpoints/my-autoencoder datasets/mine \\
                --out vaes.png
            """,
        subcommands: [VaeCheckCommand.self, VaeCompareCommand.self])
}
