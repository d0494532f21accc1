import ArgumentParser
import PixNerdSupport

/// The options of a DINOv2 encoder that its file does not tell.
struct EncoderOptions: ParsableArguments {
    @Option(
        help: """
            Number of attention heads of an encoder (default: that in its config.json, else width / 64, as in all \
            published models).
            """)
    var heads: Int?

    @Option(help: "Side in pixels of the image patch that becomes one patch of an encoder (default: 16, as published).")
    var basePatch: Int?

    func validate() throws {
        try expectOption("--heads", heads, in: 1...SizeLimits.width)
        try expectOption("--base-patch", basePatch, in: 1...SizeLimits.side)
    }
}
