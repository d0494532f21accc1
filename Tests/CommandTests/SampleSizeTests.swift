import Foundation
import PixNerdTestSupport
import Testing

/// Sampling at sizes and by routes that a model was or was not trained for.
@Suite struct SampleSizeTests {
    private func warnings(_ outcome: Outcome) -> [String] {
        outcome.errors.split(separator: "\n").filter { $0.hasPrefix("warning: ") }.map(String.init)
    }

    /// By default a run is sampled by the route that it was trained for and with the steps of its previews.
    @Test func theRunsOwnWayIsTaken() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "3", "--size", "32")
            try place.write(
                tinyConfiguration.replacing("steps: 3", with: "steps: 2\n  field_sizes: [24, 32]")
                    + "\nsampling: {steps: 4}", to: "tiny.yaml")
            try place.succeed("train", "tiny.yaml")
            for (size, route) in [("32", "field"), ("24x16", "field"), ("16", "grid")] {
                let outcome = try place.succeed(
                    "sample", "runs/tiny", "--size", size, "--out", "own", "--overwrite", "--seeds", "1")
                #expect(warnings(outcome) == [])
                let manifest = try String(contentsOfFile: place.path("own/manifest.json"), encoding: .utf8)
                #expect(manifest.contains("\"route\" : \"\(route)\"") && manifest.contains("\"steps\" : 4,"), "\(size)")
                try FileManager.default.removeItem(atPath: place.path("own"))
            }
            let fine = try place.succeed("sample", "runs/tiny", "--size", "28", "--out", "a.png", "--seeds", "1")
            #expect(warnings(fine).count == 1)
            expectSentence(warnings(fine)[0], naming: ["16, 24, 32", "28 x 28", "--size 24x24"])
            let grid = try place.succeed(
                "sample", "runs/tiny", "--size", "32", "--route", "grid", "--out", "b.png", "--seeds", "1")
            #expect(warnings(grid).count == 1)
            expectSentence(warnings(grid)[0], naming: ["16 x 16", "32 x 32", "--route field", "16, 24, 32"])
        }
    }

    @Test func sizesThatAModelNeverSawAreWarnedOf() throws {
        try Workplace.with { place in
            try place.train()
            let own = try place.succeed("sample", "runs/tiny", "--out", "a.png", "--seeds", "1")
            #expect(warnings(own) == [])
            let same = try place.succeed("sample", "runs/tiny", "--out", "b.png", "--seeds", "1", "--size", "16")
            #expect(warnings(same) == [])
            #expect(try place.bytes("a.png") == place.bytes("b.png"))
            for route in ["grid", "field"] {
                let other = try place.succeed(
                    "sample", "runs/tiny", "--out", "\(route).png", "--seeds", "1", "--size", "16x32", "--steps", "2",
                    "--route", route)
                #expect(warnings(other).count == 1)
                expectSentence(warnings(other)[0], naming: ["runs/tiny", "16 x 16", "16 x 32", "--size 16"])
            }
        }
    }
}
