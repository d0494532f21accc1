import ArgumentParser
import PixNerdImages

/// The options of where the classes of images come from.
struct LabelArguments: ParsableArguments {
    @Option(
        help: """
            The run's data.labels: file of labels (.csv, .jsonl or .json), folders for class folders, or none for one \
            class (default: what is found).
            """)
    var labels = ""

    @Option(help: "The run's data.label_key: column or key of the labels (default: label).")
    var labelKey = ""

    var options: LabelOptions { LabelOptions(labels: labels, key: labelKey) }
}
