import ArgumentParser

/// What a DINOv2 file does not say by itself.
struct EncoderOptions: ParsableArguments {
    @Option(
        help: """
            Attention heads of an encoder; where not given, as its config.json says, or its width over 64, as in all \
            published models.
            """)
    var heads: Int?

    @Option(help: "Side in pixels of what becomes a patch of an encoder; 16 where not given, as published.")
    var basePatch: Int?

    func validate() throws {
        for (name, value) in [("--heads", heads), ("--base-patch", basePatch)] {
            if let value, value < 1 { throw ValidationError("\(name) is \(value); it must be at least 1.") }
        }
    }
}
