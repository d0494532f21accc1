import ArgumentParser
import PixNerdImages
import PixNerdSupport

struct ShapesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "shapes",
        abstract: """
            Generates a dataset of coloured shapes, in \(ShapesDataset.classes.count) classes, with captions, or as films.
            """,
        discussion: """
              pixnerd dataset shapes --out datasets/shapes --size 64
              pixnerd dataset shapes --scattered --out datasets/scattered-shapes
              pixnerd dataset shapes --captions --out datasets/captioned-shapes
              pixnerd dataset shapes --moving --out datasets/moving-shapes

            With --captions, OUT/train has pictures of one or two shapes, each with a text
            such as "a red circle on dark blue". OUT/held-out.txt has prompts for
            combinations of colour and shape that no picture shows.

            With --moving, each film is a folder of frames in which a shape moves, for a \
            video autoencoder.
            """)

    @Option(help: "Folder to create; it must be empty or not exist.")
    var out: String

    @Flag(help: "Generate pictures with captions instead of classes.")
    var captions = false

    @Flag(help: "Generate films of moving shapes instead of images.")
    var moving = false

    @Flag(help: "Place each shape anywhere, in sizes from a quarter to three quarters of the image.")
    var scattered = false

    @Option(help: "With --moving: frames of a film (default: 17).")
    var frames: Int?

    @Option(help: "Images per class (default: 500).")
    var perClass: Int?

    @Option(help: "With --captions: number of images (default: 4000); with --moving: number of films (default: 500).")
    var count: Int?

    @Option(
        help: ArgumentHelp(
            "With --captions: combinations left out, such as 'red star,blue ring', or 'none' (default: one per shape).",
            valueName: "list"))
    var holdOut: String?

    @Option(help: "Side of the images in pixels (default: 64; 32 with --captions).")
    var size: Int?

    @Option(help: "Seed of the images.")
    var seed: UInt64 = 0

    func validate() throws {
        try expectOption("--per-class", perClass, in: 1...SizeLimits.images)
        try expectOption("--count", count, in: 1...SizeLimits.images)
        let sizes = captions ? 16...4096 : 8...4096
        if let size, !sizes.contains(size) {
            throw ValidationError("--size is \(size); it must be from \(sizes.lowerBound) to \(sizes.upperBound).")
        }
        if captions, perClass != nil {
            throw ValidationError("--per-class is for images in classes; with --captions, give --count.")
        }
        if !captions, count != nil && !moving || holdOut != nil {
            throw ValidationError("--count and --hold-out are for images with captions; add --captions.")
        }
        try expectOption("--frames", frames, in: Clip.leastFrames...Clip.mostFrames)
        if moving, captions || perClass != nil {
            throw ValidationError("--moving makes films without classes; leave out --captions and --per-class.")
        }
        if scattered, captions || moving {
            throw ValidationError("--scattered is for images in classes; leave out --captions and --moving.")
        }
        if !moving, frames != nil { throw ValidationError("--frames is for films; add --moving.") }
        _ = try heldOut()
    }

    private func heldOut() throws -> [ShapeCaption.Combination] {
        guard let holdOut else { return CaptionedShapes.usualHeldOut }
        guard holdOut != "none" else { return [] }
        return try commaList(holdOut).map { text in
            guard let combination = ShapeCaption.Combination(text) else {
                throw ValidationError(
                    "--hold-out has '\(text)'; expected one of the colours \(listed(ShapeCaption.colors)) and one of the "
                        + "shapes \(listed(ShapeCaption.shapes)), such as 'red star'.")
            }
            return combination
        }
    }

    private func listed(_ names: [String]) -> String { names.joined(separator: ", ") }

    func run() throws {
        if moving {
            let (films, frames) = (count ?? 500, frames ?? 17)
            try MovingShapes.write(to: out, films: films, frames: frames, size: size ?? 64, seed: seed)
            print("\(counted(films, "film")) of \(frames) frames \(films == 1 ? "is" : "are") in \(out).")
            return
        }
        guard captions else {
            let perClass = perClass ?? 500
            try ShapesDataset.write(
                to: out, imagesPerClass: perClass, size: size ?? 64, seed: seed,
                placement: scattered ? .scattered : .centred)
            print("\(perClass) images of each of \(listed(ShapesDataset.classes)) are in \(out).")
            return
        }
        let (count, heldOut) = (count ?? 4000, try heldOut())
        try CaptionedShapes.write(to: out, count: count, size: size ?? 32, seed: seed, heldOut: heldOut)
        print("\(counted(count, "image")) with captions \(count == 1 ? "is" : "are") in \(out)/train.")
        if !heldOut.isEmpty {
            print("None shows a \(listed(heldOut.map(\.description))); prompts for those are in \(out)/held-out.txt.")
        }
    }
}
