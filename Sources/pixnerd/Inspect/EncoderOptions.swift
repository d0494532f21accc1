import ArgumentParser

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
        for (name, value) in [("--heads", heads), ("--base-patch", basePatch)] {
            if let value, value < 1 { throw ValidationError("\(name) is \(value); it must be at least 1.") }
        }
    }
}
