import Foundation
import PixNerdTestSupport
import Testing

/// `~` at the start of a path is the home directory, also where a shell leaves it alone.
@Suite struct HomeDirectoryTests {
    private func run(_ place: Workplace, _ arguments: String..., home: String? = nil) throws -> Outcome {
        try place.makeFolder("home")
        return try place.finish(
            "tilde", place.start("tilde", arguments, environment: ["HOME": home ?? place.path("home")]))
    }

    @Test func ofAConfiguration() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let outcome = try run(place, "train", "tiny.yaml", "--set", "directory=~/runs")
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(place.exists("home/runs/tiny/step-0000003") && !place.exists("~") && !place.exists("runs"))
            #expect(outcome.output.contains("pixnerd sample \(place.path("home"))/runs/tiny --out"))
        }
    }

    @Test func ofOptionsAndArguments() throws {
        try Workplace.with { place in
            let made = try run(place, "dataset", "shapes", "--out=~/a", "--per-class", "1", "--size", "8")
            let read = try run(place, "dataset", "inspect", "~/a", "--contact-sheet", "~/sheet.png")
            #expect(made.status == 0 && read.status == 0, "\(made.errors)\(read.errors)")
            #expect(place.exists("home/a") && place.exists("home/sheet.png") && !place.exists("~"))
        }
    }

    @Test func ofOthersIsRefused() throws {
        try Workplace.with { place in
            let shapes = ["dataset", "shapes", "--per-class", "1"]
            try place.refuse(shapes + ["--out=~someone/a"], naming: ["--out", "'~someone/a'", "./~someone/a"])
            try place.refuse(shapes + ["--out", "~someone"], naming: ["--out", "'~someone'"])
            try place.refuse("dataset", "inspect", "~someone", naming: ["'~someone'"])
            let outcome = try run(place, "dataset", "inspect", "~/a", home: "")
            #expect(outcome.status != 0 && outcome.errors.contains("HOME is not set"))
            let names = try place.names()
            #expect(names.allSatisfy { !$0.hasPrefix("~") })
        }
    }
}
