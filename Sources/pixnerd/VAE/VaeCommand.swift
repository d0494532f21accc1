import ArgumentParser

struct VaeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vae", abstract: "Measures autoencoders: their scale, and what comes back through them.",
        discussion: """
              pixnerd vae check sd-vae-ft-mse datasets/mine
            """,
        subcommands: [VaeCheckCommand.self])
}
