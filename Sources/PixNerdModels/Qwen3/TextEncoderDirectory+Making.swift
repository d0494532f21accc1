import Foundation
import PixNerdSupport
import PixNerdText

extension TextEncoderDirectory {
    /// Makes a text encoder with random weights in bf16 and a tokenizer learned from texts, in the published layout.
    ///
    /// Such an encoder tells texts apart, though it knows no language: enough for small models and for trying things out
    /// without a download.
    ///
    /// - Parameters:
    ///   - path: The folder to make; it must be empty or not exist.
    ///   - architecture: The sizes. The tokenizer learns at most `vocabulary` tokens.
    ///   - lines: Texts such as captions, from which the tokenizer is learned.
    ///   - seed: Each seed gives other weights.
    /// - Returns: the directory, and the number of tokens that were learned.
    /// - Throws: `PixNerdError` if the folder has files in it or cannot be written, or if `vocabulary` is too small for
    ///   the 256 bytes and the added tokens.
    public static func make(
        at path: String, _ architecture: Qwen3Architecture, learningFrom lines: some Sequence<String>, seed: UInt64
    ) throws -> (directory: TextEncoderDirectory, tokens: Int) {
        let training = try TokenizerTraining(tokens: architecture.vocabulary)
        let contents = isFolder(path) == true ? try? FileManager.default.contentsOfDirectory(atPath: path) : []
        guard contents?.isEmpty == true, isFolder(path) != false else {
            throw PixNerdError(
                .alreadyExists, "\(path)", found: "is a \(isFolder(path) == true ? "folder with files in it" : "file")",
                expected: "the name of an empty folder, or a new name")
        }
        let tokenizer = training.learn(from: lines)
        try makeFolder(path)
        try tokenizer.write(to: path)
        try architecture.writeRandomWeights(to: "\(path)/model.safetensors", seed: seed)
        let configuration = try JSON.encoder(isPretty: true, snakeCase: true).encode(architecture.configuration)
        // Last, so that an interrupted folder is not taken for a whole one.
        try AtomicFile.write(configuration, to: "\(path)/\(configurationName)")
        return (try TextEncoderDirectory(path: path), tokenizer.count)
    }

    /// Lines like captions of drawn shapes and simple scenes, to learn a small tokenizer from.
    public static var usualLines: [String] {
        let colours = [
            "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey", "cyan",
        ]
        let things = [
            "circle", "square", "triangle", "star", "ring", "cross", "diamond", "heart", "line", "dog", "cat", "bird",
            "horse", "house", "tree", "flower", "car", "boat", "person", "mountain", "cloud", "cup", "table", "chair",
        ]
        let places = [
            "on a {} background", "above a {} field", "beside a {} wall", "in front of the {} sky", "under {} light",
            "next to two {} windows",
        ]
        let kinds = ["a photo of", "a drawing of", "a small picture of", "a painting of", ""]
        var lines: [String] = []
        for (row, colour) in colours.enumerated() {
            for (column, thing) in things.enumerated() {
                let number = row * things.count + column
                let other = colours[(number * 7 + row + 1) % colours.count]
                let place = places[number % places.count].replacingOccurrences(of: "{}", with: other)
                let article = "aeiou".contains(colour.first ?? " ") ? "an" : "a"
                let kind = kinds[number % kinds.count]
                lines.append("\(kind)\(kind.isEmpty ? "" : " ")\(article) \(colour) \(thing) \(place)")
                lines.append("\(2 + number % 8) large \(colour) \(thing)s and the \(other) \(things[number % 9])")
            }
        }
        return lines
    }
}
