import ArgumentParser
import PixNerdImages
import PixNerdSupport

struct DatasetCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dataset", abstract: "Generates and inspects datasets.",
        discussion: """
              pixnerd dataset shapes --out datasets/shapes
              pixnerd dataset inspect datasets/shapes
            """,
        subcommands: [ShapesCommand.self, DatasetInspectCommand.self])

    struct ShapesCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shapes",
            abstract: "Generates a dataset of coloured shapes in \(ShapesDataset.classes.count) classes.",
            discussion: """
                  pixnerd dataset shapes --out datasets/shapes --size 64
                """)

        @Option(help: "Folder to create; it must be empty or not exist.")
        var out: String

        @Option(help: "Images per class.")
        var perClass = 500

        @Option(help: "Side of the images in pixels.")
        var size = 64

        @Option(help: "Seed of the images.")
        var seed: UInt64 = 0

        func validate() throws {
            try expectOption("--per-class", perClass, in: 1...SizeLimits.images)
            guard (8...4096).contains(size) else {
                throw ValidationError("--size is \(size); it must be from 8 to 4096.")
            }
        }

        func run() throws {
            try ShapesDataset.write(to: out, imagesPerClass: perClass, size: size, seed: seed)
            print("\(perClass) images of each of \(ShapesDataset.classes.joined(separator: ", ")) are in \(out).")
        }
    }
}
