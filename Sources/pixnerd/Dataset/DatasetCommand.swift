import ArgumentParser
import PixNerdImages

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset", abstract: "Makes folders of pictures to train on, and inspects them.",
        discussion: """
              pixnerd dataset shapes --out datasets/shapes
              pixnerd dataset inspect datasets/shapes
            """,
        subcommands: [ShapesCommand.self, DatasetInspectCommand.self])

    struct ShapesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shapes",
            abstract: "Makes a folder of coloured shapes, \(ShapesDataset.classes.count) classes of them, from a seed.",
            discussion: """
                  pixnerd dataset shapes --out datasets/shapes --size 64
                """)

        @Option(help: "The folder to make; it must not hold anything yet.")
        var out: String

        @Option(help: "Pictures of each class.")
        var perClass = 500

        @Option(help: "Side of the pictures in pixels.")
        var size = 64

        @Option(help: "Decides the pictures.")
        var seed: UInt64 = 0

        func validate() throws {
            guard perClass >= 1 else { throw ValidationError("--per-class is \(perClass); it must be at least 1.") }
            guard (8...4096).contains(size) else {
                throw ValidationError("--size is \(size); it must be from 8 to 4096.")
            }
        }

        func run() throws {
            try ShapesDataset.write(to: out, imagesPerClass: perClass, size: size, seed: seed)
            print("\(perClass) pictures of each of \(ShapesDataset.classes.joined(separator: ", ")) are in \(out).")
        }
    }
}
