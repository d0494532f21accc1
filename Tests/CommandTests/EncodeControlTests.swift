import Foundation
import PixNerdImages
import PixNerdTestSupport
import Testing

/// `pixnerd encode control`.
@Suite struct EncodeControlTests {
    private static let network = Fixtures.path("edges/hed.pth")

    @Test func edgesHaveTheFoldersAndNamesOfTheirImages() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "1", "--size", "24")
            let output = try place.succeed("encode", "control", "shapes", "--edges", "canny", "--out", "edges").output
            #expect(output == "Edges of 8 images are in edges, 8 of them new.\n")
            #expect(try place.names(in: "edges").filter { !$0.hasPrefix(".") } == place.names(in: "shapes"))
            let image = try ImageFile.read(place.path("shapes/star/00001.png"))
            let edges = try ImageFile.readStored(place.path("edges/star/00001.png"))
            #expect(edges == Canny.usual(image).raster)
            // What is there is kept, whatever it is by now.
            try place.bytes("edges/circle/00001.png").write(
                to: URL(fileURLWithPath: place.path("edges/star/00001.png")))
            try FileManager.default.removeItem(atPath: place.path("edges/ring/00001.png"))
            let again = try place.succeed("encode", "control", "shapes", "--edges", "canny", "--out", "edges").output
            #expect(again == "Edges of 8 images are in edges, 1 of them new.\n")
            #expect(try place.bytes("edges/star/00001.png") == place.bytes("edges/circle/00001.png"))
            // A folder of edges is a data set of its own.
            try place.succeed("dataset", "inspect", "edges")
        }
    }

    @Test func otherWaysAreOtherFolders() throws {
        try Workplace.with { place in
            try place.succeed("dataset", "shapes", "--out", "shapes", "--per-class", "1", "--size", "24")
            try place.succeed(
                "encode", "control", "shapes", "--edges", "hed", "--hed", Self.network, "--out", "edges")
            func refusal(_ arguments: String...) throws -> String {
                let outcome = try place.run(["encode", "control", "shapes"] + arguments)
                #expect(outcome.isExit && outcome.status != 0)
                return String(outcome.errors.dropFirst("Error: ".count).split(separator: "\n").first ?? "")
            }
            expectSentence(
                try refusal("--edges", "soft", "--out", "edges"), naming: ["edges", "found in another way"])
            expectSentence(try refusal("--edges", "soft", "--out", "shapes"), naming: ["shapes exists", "new folder"])
            expectSentence(try refusal("--edges", "hed", "--out", "other"), naming: ["network", "--hed"])
            expectSentence(
                try refusal("--edges", "canny", "--hed", Self.network, "--out", "other"),
                naming: ["--hed is given", "--edges"])
            expectSentence(try refusal("--out", "other"), naming: ["--edges is missing"])
            #expect(!place.exists("other"))
            try place.makeFolder("twice")
            try place.bytes("shapes/star/00001.png").write(to: URL(fileURLWithPath: place.path("twice/a.png")))
            try place.bytes("shapes/star/00001.png").write(to: URL(fileURLWithPath: place.path("twice/a.jpg")))
            let both = try place.run("encode", "control", "twice", "--edges", "soft", "--out", "other")
            expectSentence(
                both.errors.replacingOccurrences(of: "Error: ", with: "").trimmingCharacters(in: .newlines),
                naming: ["a.jpg and", "a.png", "rename"])
            try place.succeed("dataset", "shapes", "--out", "tiny", "--per-class", "1", "--size", "8")
            let small = try place.run(
                "encode", "control", "tiny", "--edges", "hed", "--hed", Self.network, "--out", "other")
            expectSentence(
                small.errors.replacingOccurrences(of: "Error: ", with: "").trimmingCharacters(in: .newlines),
                naming: ["8 x 8", "at least 16"])
        }
    }
}
