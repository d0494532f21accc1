import Foundation
import PixNerdSupport
import PixNerdTensors

/// A dataset with captions generated from a seed: one or two coloured shapes on a plain background, and a sentence about
/// each picture.
///
/// Some combinations of a colour and a shape can be held out: they occur in no picture, and a list of prompts for them
/// shows later whether a model has learned colours and shapes rather than pictures.
public enum CaptionedShapes {
    /// All combinations of a colour and a shape.
    public static let combinations: [ShapeCaption.Combination] = ShapeCaption.colors.flatMap { color in
        ShapeCaption.shapes.map { ShapeCaption.Combination(color: color, shape: $0) }
    }

    /// The combinations that are held out if none are named: one for each shape.
    public static let usualHeldOut = [
        "purple circle", "yellow cross", "green heart", "orange ring", "cyan square", "red star", "blue triangle",
    ].compactMap(ShapeCaption.Combination.init)

    /// Number of prompts in the list of held-out combinations.
    public static let heldOutPrompts = 100

    /// Writes `directory/train/000001.png` and `000001.txt` and so on, and `directory/held-out.txt` with a prompt in each
    /// line, if anything is held out.
    ///
    /// A picture depends only on the seed, its number and what is held out. The pixels are the same on every machine.
    ///
    /// - Parameters:
    ///   - directory: the output folder; created if missing, and refused if it is not empty.
    ///   - count: number of pictures, 1 to 10,000,000.
    ///   - size: the side of a picture in pixels, 16 to 4096.
    ///   - seed: the seed of the dataset.
    ///   - heldOut: what occurs in no picture. Every colour and every shape must be left with something.
    /// - Throws: `PixNerdError` if a number is out of range, if too much is held out, if `directory` is a file or is not
    ///   empty, or if something cannot be written.
    public static func write(
        to directory: String, count: Int, size: Int = 32, seed: UInt64,
        heldOut: [ShapeCaption.Combination] = usualHeldOut
    ) throws {
        try require("The number of pictures", count, in: 1...SizeLimits.images)
        try require("The side of the pictures", size, in: 16...4096)
        try expectRest(without: heldOut)
        try ShapesDataset.makeFolders(["train"], in: directory)
        let failure = FirstFailure()
        DispatchQueue.concurrentPerform(iterations: count) { index in
            guard failure.error == nil else { return }
            let name = joined(directory, "train/\((index + 1).zeroPadded(to: 6))")
            do {
                let (picture, caption) = sample(index: index, size: size, seed: seed, heldOut: heldOut)
                try ImageFile.writePNG(picture, to: name + ".png")
                try AtomicFile.write(Data("\(caption)\n".utf8), to: name + ".txt", isSynced: false)
            } catch {
                failure.keep(error)
            }
        }
        if let error = failure.error { throw error }
        guard !heldOut.isEmpty else { return }
        let lines = prompts(for: heldOut).map { $0 + "\n" }.joined()
        try AtomicFile.write(Data(lines.utf8), to: joined(directory, "held-out.txt"))
    }

    /// One picture of the dataset and its caption.
    ///
    /// - Parameters:
    ///   - index: the number of the picture, from 0.
    ///   - size: the side in pixels, at least 1.
    ///   - seed: the seed of the dataset.
    ///   - heldOut: what does not occur.
    public static func sample(
        index: Int, size: Int, seed: UInt64, heldOut: [ShapeCaption.Combination] = usualHeldOut
    ) -> (picture: RGBImage, caption: String) {
        let scene = scene(index: index, seed: seed, heldOut: heldOut)
        return (scene.rendered(size: size), scene.caption.text)
    }

    static func scene(index: Int, seed: UInt64, heldOut: [ShapeCaption.Combination]) -> CaptionedScene {
        // Step 1, as the dataset with classes has the draws of step 0.
        var stream = RandomStream(seed: seed, purpose: .shapes, step: 1, index: index)
        return CaptionedScene(drawnFrom: &stream, without: Set(heldOut))
    }

    /// Prompts for pictures of one shape with the given combinations, all different: first without size and place, then
    /// with a size, then with a place.
    ///
    /// - Parameters:
    ///   - combinations: the combinations, at least one.
    ///   - count: number of prompts; at most 162 for each combination are made.
    public static func prompts(
        for combinations: [ShapeCaption.Combination], count: Int = heldOutPrompts
    ) -> [String] {
        let sizes: [ShapeCaption.Size?] = [nil] + ShapeCaption.Size.allCases
        let places: [ShapeCaption.Place?] = [nil] + ShapeCaption.Place.allCases
        var prompts: [String] = []
        for place in places {
            for size in sizes {
                for background in ShapeCaption.backgrounds {
                    for combination in combinations {
                        let thing = ShapeCaption.Thing(combination, size: size)
                        prompts.append(ShapeCaption(thing, place: place, background: background).text)
                    }
                }
            }
        }
        return Array(prompts.prefix(count))
    }

    private static func expectRest(without heldOut: [ShapeCaption.Combination]) throws {
        let rest = Set(combinations).subtracting(heldOut)
        let lost =
            ShapeCaption.colors.first { color in !rest.contains { $0.color == color } }
            ?? ShapeCaption.shapes.first { shape in !rest.contains { $0.shape == shape } }
        guard let lost else { return }
        throw PixNerdError(
            .invalidValue, "What is held out", found: "leaves nothing that is \(lost)",
            expected: "every colour and every shape in some picture")
    }
}
