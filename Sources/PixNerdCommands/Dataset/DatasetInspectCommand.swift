import ArgumentParser
import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTraining

struct DatasetInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Reads all images of a dataset and reports its contents and problems.",
        discussion: """
              pixnerd dataset inspect datasets/shapes --image-size 32 \\
                --contact-sheet sheet.png
              pixnerd dataset inspect 'shards-{000..099}.tar' --json
              pixnerd dataset inspect cifar10-32x32.zip --labels dataset.json
              pixnerd dataset inspect datasets/captioned --captions
              pixnerd dataset inspect datasets/faces --values age,zoom
              pixnerd dataset inspect datasets/mine --suggest --hours 2 > mine.yaml
            """)

    @Argument(
        help: """
            Folder of images, or with one folder of images per class, or a .zip of one, or WebDataset shards; with \
            captions, any folder of images.
            """)
    var root: String

    @OptionGroup var labels: LabelArguments

    @Option(help: "The run's data.values: comma-separated columns or keys of numbers, to report how they are spread.")
    var values: String?

    @OptionGroup var captions: CaptionFlags

    @Option(
        help: """
            Training size, one number or HEIGHTxWIDTH, to see what crops cut away and which images are enlarged; several \
            separated by commas, as in data.buckets.
            """)
    var imageSize: String?

    @Option(help: "Draw a few images of up to twelve classes to this .png.")
    var contactSheet: String?

    @Flag(
        help: """
            Print a configuration that suits the images and this machine instead, with the time that it takes; some \
            steps are trained to measure it.
            """)
    var suggest = false

    @Option(help: "Hours that the run of --suggest may take.")
    var hours = 1.0

    @Flag(help: "Overwrite an existing contact sheet.")
    var overwrite = false

    @Flag(help: "Print JSON.")
    var json = false

    func validate() throws {
        let sizes = try sizes()
        if suggest, let first = sizes.first, sizes.count > 1 || !first.isSquare {
            throw ValidationError("--suggest takes one number as --image-size.")
        }
        guard hours >= 0.01, hours <= 10_000 else {
            throw ValidationError("--hours is \(hours); it must be from 0.01 to 10000.")
        }
        if suggest, json || contactSheet != nil || captions.options != nil || values != nil {
            throw ValidationError("--suggest prints a configuration alone; leave the other options out.")
        }
        guard values == nil || captions.options == nil else {
            throw ValidationError("--values and captions exclude each other; look at one of them at a time.")
        }
    }

    /// The sizes of the option.
    private func sizes() throws -> [ImageSize] {
        guard let imageSize else { return [] }
        return try imageSize.split(separator: ",", omittingEmptySubsequences: false).map { text in
            guard let size = ImageSize(text: text.trimmingCharacters(in: .whitespaces)), size.isPossible else {
                throw ValidationError(
                    "--image-size is '\(imageSize)'; expected sides of at least 1 and at most \(SizeLimits.side), "
                        + "such as 64, 64x96 or 64,48x80.")
            }
            return size
        }
    }

    func run() throws {
        guard !suggest else {
            print(try suggestion(), terminator: "")
            return
        }
        if let contactSheet { try expectOutput("--contact-sheet", contactSheet, overwrites: overwrite) }
        let survey = try captions.options.map { try CaptionSurvey(root: root, options: $0, labels: labels.options) }
        let names = values.map(commaList) ?? []
        guard Set(names).count == names.count else {
            throw CommandError("--values is '\(values ?? "")', which names a value twice.")
        }
        let collection =
            try survey?.collection ?? ImageCollection.open(root: root, labels: labels.options, values: names)
        let captionReport = try survey.map(captions.report(of:))
        let progress = ProgressBar(total: collection.samples.count)
        let start = Date()
        let report = DatasetReport(inspecting: collection, sizes: try sizes(), captions: captionReport) { done in
            // Short work needs no progress bar.
            let seconds = Date().timeIntervalSince(start)
            if seconds > 2 { progress.show(done, String(format: "%.0f images/s", Double(done) / seconds)) }
        }
        ProgressBar.breakLine()
        if let contactSheet {
            try ImageFile.writePNG(ContactSheet.make(collection), to: contactSheet)
        }
        if json {
            print(try JSON.text(report, isPretty: true))
        } else {
            print(Self.text(report))
            if let contactSheet { print("\nA contact sheet is in \(contactSheet).") }
        }
    }

    /// The configuration as YAML, with its time.
    private func suggestion() throws -> String {
        let found = try DatasetSuggestion(
            for: ImageCollection.open(root: root), imageSize: sizes().first?.height, hours: hours)
        return """
            # For \(root), on \(Machine().processor).
            # Takes about \(durationText(found.seconds)): each image is seen \(String(format: "%.0f", found.epochs)) times.
            #
            #   pixnerd train mine.yaml

            """ + found.configuration.changedYAML
    }

    private static func text(_ report: DatasetReport) -> String {
        let classes = counted(report.classes.count, "class", plural: "classes")
        var lines = ["\(report.root): \(counted(report.pictures, "picture")) in \(classes) (\(report.labelling))"]
        lines += ["", row("", ["smallest", "median", "largest"])]
        lines.append(row("images per class", report.picturesPerClass) { "\($0)" })
        if let classes = report.classesPerPicture { lines.append(row("classes per image", classes) { "\($0)" }) }
        if let width = report.width, let height = report.height, let ratio = report.aspectRatio {
            lines.append(row("width in pixels", width) { "\($0)" })
            lines.append(row("height in pixels", height) { "\($0)" })
            lines.append(row("width : height", ratio) { String(format: "%.2f", $0) })
        }
        lines += ["", "classes"] + classLines(report.classes)
        lines += (report.picturesByClasses ?? [:]).sorted { $0.key < $1.key }.map { number, pictures in
            line("images with \(counted(number, "class", plural: "classes"))", pictures)
        }
        lines += (report.values ?? []).flatMap { ValueText.lines($0, row: row, line: line) }
        if let captions = report.captions { lines += CaptionText.lines(captions, line: line) }
        lines += ["", "shapes"]
        lines += ["landscape", "nearly square", "portrait"].enumerated().map { place, name in
            line(name, [report.landscape, report.nearlySquare, report.portrait][place])
        }
        if !report.crops.isEmpty { lines += ["", "at training sizes"] + report.crops.map(Self.cropLine) }
        lines += ["", "kinds"] + kindLines(report)
        if !report.remarks.isEmpty { lines += ["", "remarks"] + report.remarks.map { "  " + printable($0) } }
        lines += DuplicateText.lines(report.duplicates, line: line)
        lines += problemLines(report)
        return lines.joined(separator: "\n")
    }

    /// Lines for all classes if there are few, else for the largest and the smallest.
    private static func classLines(_ classes: [DatasetReport.ClassCount]) -> [String] {
        guard classes.count > 12 else { return classes.map { line($0.name, $0.pictures) } }
        let sorted = classes.enumerated().sorted { ($0.element.pictures, $0.offset) < ($1.element.pictures, $1.offset) }
            .map(\.element)
        guard sorted.first!.pictures < sorted.last!.pictures else {
            return ["  \(counted(sorted[0].pictures, "image")) in each of the \(classes.count)"]
        }
        return sorted.suffix(5).reversed().map { line($0.name, $0.pictures) } + ["  ..."]
            + sorted.prefix(5).reversed().map { line($0.name, $0.pictures) }
    }

    private static func cropLine(_ crop: CropReport) -> String {
        func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }
        let enlarged = crop.enlarged > 0 ? "; \(crop.enlarged) would be enlarged" : ""
        let lost = "crops cut away \(percent(crop.meanLoss)) on average, \(percent(crop.largestLoss)) at most"
        return line(crop.size, crop.pictures, crop.pictures == 0 ? nil : lost + enlarged)
    }

    private static func kindLines(_ report: DatasetReport) -> [String] {
        let others = report.channels.filter { !(1...4).contains($0.key) }.sorted { $0.key < $1.key }
        let kinds: [(String, Int, String?)] =
            report.formats.sorted { $0.key < $1.key }.map { ($0.key, $0.value, nil) } + [
                ("grey", report.grey, report.grey == report.readable ? nil : "read as colour among colours"),
                ("CMYK", report.cmyk, "converted to RGB"), ("palette", report.palette, "read as colour"),
                ("alpha", report.alpha, "dropped, unless data.channels is rgba"),
                (
                    "16 bits per value", report.sixteenBit,
                    report.sixteenBit == report.readable ? nil : "the upper 8 are kept, as others have 8"
                ),
                ("float32", report.float, "need data.range"),
            ] + others.map { ("\($0.key) channels", $0.value, nil) } + [
                ("to be turned (EXIF)", report.turned, "turned as they are shown, unless data.exif is ignore"),
                ("several pages", report.severalPages, "the first is read"),
            ]
            + report.profiles.sorted { $0.key < $1.key }
            .map { ("profile \(printable($0.key))", $0.value, "colours are read as they are stored") }
        let levels = report.usedLevels.map { [padded("  levels in use") + "\($0.lowest) to \($0.highest)"] } ?? []
        return [padded("  trained as") + report.usualFormat] + levels
            + kinds.filter { $0.1 > 0 }.map { line($0.0, $0.1, $0.2) }
            + report.unsupported.sorted { $0.key < $1.key }
            .map { line(".\($0.key)", $0.value, "skipped: convert them to PNG") }
    }

    private static func problemLines(_ report: DatasetReport) -> [String] {
        guard !report.unreadable.isEmpty else { return ["", "All images can be read."] }
        let shown = report.unreadable.prefix(20).map { "  \($0.reason)" }
        let rest = report.unreadable.count - shown.count
        return ["", "\(counted(report.unreadable.count, "image")) cannot be read; training skips such images:"]
            + shown + (rest > 0 ? ["  and \(rest) more, which --json lists"] : [])
    }

    private static let nameWidth = 30

    private static func row<Value>(_ name: String, _ values: Spread<Value>, _ text: (Value) -> String) -> String {
        row(name, [values.smallest, values.median, values.largest].map(text))
    }

    private static func row(_ name: String, _ values: [String]) -> String {
        padded(name) + values.map { String(repeating: " ", count: max(0, 10 - $0.count)) + $0 }.joined()
    }

    /// A name, a count and its meaning, in columns.
    private static func line(_ name: String, _ count: Int, _ meaning: String? = nil) -> String {
        row("  " + name, ["\(count)"]) + (meaning.map { "   " + $0 } ?? "")
    }

    private static func padded(_ name: String) -> String {
        let name = printable(name)
        let shown = name.count > nameWidth ? name.prefix(nameWidth - 3) + "..." : name[...]
        return TextTable.padded(String(shown), to: nameWidth)
    }
}
