import ArgumentParser

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset", abstract: "Generates and inspects datasets.",
        discussion: """
              pixnerd dataset shapes --out datasets/shapes
              pixnerd dataset inspect datasets/shapes
            """,
        subcommands: [ShapesCommand.self, DatasetInspectCommand.self, JudgeShapesCommand.self])
}
