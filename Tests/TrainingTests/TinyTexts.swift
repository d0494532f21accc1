import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdPrecompute
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Runs that are conditioned on captions.
extension TinyRuns {
    /// The text encoder of the fixtures, of width 24.
    static let encoder = Fixtures.path("t2i/qwen3")

    var captioned: String { "\(directory)/captioned/train" }

    /// Makes twelve 16 x 16 images with captions.
    static func withCaptions<R>(_ body: (TinyRuns) throws -> R) throws -> R {
        try withTemporaryDirectory { directory in
            let runs = TinyRuns(directory: directory)
            try CaptionedShapes.write(to: "\(directory)/captioned", count: 12, size: 16, seed: 5, heldOut: [])
            return try body(runs)
        }
    }

    /// Configures a text model of ten tokens whose captions are encoded in each step.
    func onCaptions(_ configuration: inout Configuration) {
        configuration.data.root = captioned
        configuration.model.textBlocks = 1
        configuration.text.encoder = Self.encoder
        configuration.text.length = 10
    }

    /// Opens the images with their captions.
    func captions() throws -> ImageCollection {
        try ImageCollection.open(root: captioned, captions: CaptionOptions())
    }

    /// Writes the rows of all captions.
    ///
    /// - Parameter more: Further texts.
    @discardableResult
    func encodeCaptions(
        to name: String = "text", length: Int = 10, emptyPrompt: EmptyPrompt = .seesNothing, more: [String] = [],
        encoder: String = TinyRuns.encoder
    ) throws -> String {
        let captions = try #require(captions().captions)
        let texts = (0..<captions.count).flatMap { captions[$0] } + more
        let path = "\(directory)/\(name)"
        _ = try CaptionEncoding(
            TextEncoder(path: encoder), captions: texts, length: length, emptyPrompt: emptyPrompt, to: path
        ).run(batchSize: 5)
        return path
    }

    /// Changes the caption of the image of a number.
    func rewrite(_ number: Int, _ caption: Data) throws {
        try caption.write(to: URL(fileURLWithPath: "\(captioned)/\(String(format: "%06d", number)).txt"))
    }
}
