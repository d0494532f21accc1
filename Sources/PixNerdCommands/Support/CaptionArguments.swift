import ArgumentParser
import PixNerdImages

/// The options of where the captions of images come from.
struct CaptionArguments: ParsableArguments {
    @Option(
        help: """
            The run's data.caption_key: column of metadata.jsonl or .csv, or key of .json, with the captions \
            (default: text, caption, captions or prompt).
            """)
    var captionKey: String?

    @Option(help: "The run's data.caption_template: caption of a class folder's images, such as 'a photo of a {}'.")
    var captionTemplate: String?

    @Flag(help: "The run's data.caption_newline: keep the newline at the end of caption files.")
    var captionNewline = false

    /// Whether one of the options is given.
    var areGiven: Bool { captionKey != nil || captionTemplate != nil || captionNewline }

    var options: CaptionOptions {
        CaptionOptions(key: captionKey, template: captionTemplate, keepsNewline: captionNewline)
    }
}
