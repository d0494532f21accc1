import ArgumentParser
import PixNerdEvaluation
import PixNerdImages
import PixNerdSupport

/// Options for the search for copies of training images.
struct MemorisationOptions: ParsableArguments {
    @Flag(
        help: """
            Instead of the distance of both sides, count the generated images that are copies of the real ones, which \
            are those of training.
            """)
    var memorised = false

    @Option(help: "With --memorised: images that were not trained on, for a baseline.")
    var heldOut: String?

    @Option(help: "With --memorised: draw the most suspicious images beside their nearest ones to this .png.")
    var sheet: String?

    /// Checks that the options fit together.
    ///
    /// - Parameter others: options that go with distances only, and whether they are given.
    func check(others: [(name: String, isGiven: Bool)]) throws {
        guard memorised else {
            for (name, value) in [("--held-out", heldOut), ("--sheet", sheet)] where value != nil {
                throw CommandError("\(name) goes with --memorised only; add it, or leave \(name) out.")
            }
            return
        }
        if let (name, _) = others.first(where: \.isGiven) {
            throw CommandError(
                name == "--limit"
                    ? "--memorised needs all training images, since the nearest may be any; leave --limit out."
                    : "--memorised measures no distance of the sides; leave \(name) out.")
        }
    }

    /// Checks that the sheet can be written.
    func checkSheet(apartFrom inputs: [String], overwrites: Bool) throws {
        guard let sheet else { return }
        try expectOutput("--sheet", sheet, ending: "png", overwrites: overwrites)
        try expectApart([("--sheet", sheet)], from: inputs + [heldOut].compactMap { $0 })
    }

    func run(_ search: Memorisation, json: Bool) throws {
        let logger = makeLogger()
        logger.noteSlowProducts()
        let progress = ProgressBar(total: search.pictures)
        let found = try search.run(
            program: PixNerdCommand.program, progress: { progress.show($0, "images of \(search.size)") },
            unreadable: { logger.warning("Skipping an unreadable image: \($0)") })
        ProgressBar.breakLine()
        // Printed first: hours of measuring are not lost to a disk that is full.
        print(json ? try found.report.json() : MemorisationTable(found.report).text)
        guard let sheet else { return }
        try ImageFile.writePNG(found.sheet, to: sheet)
        logger.notice("wrote the sheet to \(sheet)")
    }
}
