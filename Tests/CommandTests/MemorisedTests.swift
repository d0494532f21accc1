import Foundation
import PixNerdImages
import PixNerdTestSupport
import Testing

/// `pixnerd evaluate --memorised`.
@Suite struct MemorisedTests {
    /// Makes sixteen training images, sixteen others, and samples: four copies and twelve images of a third kind.
    private func preparePictures(_ place: Workplace) throws {
        for (name, seed) in [("trained", "1"), ("other", "2"), ("drawn", "3")] {
            try place.succeed(
                "dataset", "shapes", "--out", name, "--per-class", "2", "--size", "32", "--seed", seed)
        }
        try place.makeFolder("samples")
        func pictures(_ folder: String) throws -> [String] {
            try place.names(in: folder).filter { !$0.hasSuffix(".txt") }.flatMap { name in
                try place.pictureNames(in: "\(folder)/\(name)").map { "\(folder)/\(name)/\($0)" }
            }
        }
        let (copied, drawn) = (try pictures("trained").prefix(4), try pictures("drawn").prefix(12))
        for (number, name) in (copied + drawn).enumerated() {
            try FileManager.default.copyItem(atPath: place.path(name), toPath: place.path("samples/\(number + 10).png"))
        }
    }

    @Test func copiesAreCountedAndDrawn() throws {
        try Workplace.with { place in
            try preparePictures(place)
            let text = try place.succeed(
                "evaluate", "trained", "samples", "--memorised", "--held-out", "other", "--sheet", "copies.png",
                "--bootstrap", "100"
            ).output
            for part in ["Memorised, by pixels", "25.00 % (4)", "nearest training image", "held out", "1/3", "10.png"] {
                #expect(text.contains(part), "\(part) in \(text)")
            }
            #expect(!text.contains("features"))
            let sheet = try ImageFile.read(place.path("copies.png"))
            #expect(sheet.width > 3 * 64 && sheet.height > 8 * 64)
            let report = try json(
                place.succeed(
                    "evaluate", "trained", "samples", "--memorised", "--json", "--features", "dinov2", "--weights",
                    Fixtures.path("dinov2/transformers")
                ).output)
            let measures = try #require(report["measures"] as? [[String: Any]])
            #expect(measures.compactMap { $0["name"] as? String } == ["memorised_pixels", "memorised_features"])
            #expect(measures[0]["value"] as? Double == 0.25 && (measures[1]["count"] as? Int ?? 0) >= 4)
            let first = try #require((measures[0]["suspicious"] as? [[String: Any]])?.first)
            #expect(first["sample"] as? String == "10.png" && first["ratio"] as? Double == 0)
            #expect((first["nearest"] as? String)?.contains("/") == true)
        }
    }

    private func json(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func optionsThatDoNotGoTogetherAreRefused() throws {
        try Workplace.with { place in
            try preparePictures(place)
            let memorised = ["evaluate", "trained", "samples", "--memorised"]
            try place.refuse(memorised + ["--pairs"], naming: ["--memorised", "--pairs"])
            try place.refuse(memorised + ["--limit", "5"], naming: ["--limit", "nearest"])
            try place.refuse(memorised + ["--save-real", "a.npz"], naming: ["--save-real"])
            try place.refuse(memorised + ["--sheet", "a.jpg"], naming: ["--sheet", "png"])
            try place.refuse(memorised + ["--held-out", "nowhere"], naming: ["nowhere"])
            try place.refuse(
                "evaluate", "trained", "samples", "--sheet", "a.png", naming: ["--sheet", "--memorised"])
            try place.write("", to: "there.png")
            try place.refuse(memorised + ["--sheet", "there.png"], naming: ["there.png", "--overwrite"])
        }
    }
}
