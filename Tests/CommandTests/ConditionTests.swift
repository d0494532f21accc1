import Foundation
import PixNerdTestSupport
import Testing

/// Several classes an image, and values, from `train` to `sample`.
@Suite struct ConditionTests {
    /// Writes `shapes/metadata.jsonl`.
    private func describe(_ place: Workplace, _ row: (_ number: Int, _ shape: Substring) -> String) throws {
        var rows: [String] = []
        for shape in try place.names(in: "shapes") where !shape.contains(".") {
            for name in try place.pictureNames(in: "shapes/\(shape)") {
                rows.append("{\"file_name\": \"\(shape)/\(name)\", \(row(rows.count, shape[...]))}")
            }
        }
        try place.write(rows.joined(separator: "\n"), to: "shapes/metadata.jsonl")
    }

    private func pictures(_ place: Workplace, _ manifest: String) throws -> [[String: Any]] {
        try #require(place.manifest(manifest)["pictures"] as? [[String: Any]])
    }

    private let sampling = ["--steps", "2", "--seeds", "1"]

    @Test func severalClassesOfAnImage() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try describe(place) { number, shape in
                #""label": "# + (number % 4 == 3 ? "[]" : "[\"\(shape)\"\(number % 2 == 0 ? ", \"even\"" : "")]")
            }
            let inspected = try place.succeed("dataset", "inspect", "shapes").output
            #expect(inspected.contains(/images with 0 classes +6/) && inspected.contains(/images with 2 classes +12/))
            let trained = try place.succeed("train", "tiny.yaml", "--set", "training.preview_every=3")
            #expect(trained.output.contains("24 in 9 classes"), "\(trained.output)")
            #expect(trained.output.contains("an image has several or none") && place.exists("runs/tiny/previews"))
            try place.succeed(
                ["sample", "runs/tiny", "--classes", "ring+even,ring,+,even + star", "--out", "some/"] + sampling)
            #expect(
                try place.pictureNames(in: "some")
                    == ["even+ring-seed1.png", "even+star-seed1.png", "no-class-seed1.png", "ring-seed1.png"])
            let listed = try pictures(place, "some/manifest.json")
            #expect(listed.map { $0["class_name"] as? String } == ["even+ring", "ring", "no class", "even+star"])
            #expect(
                listed.map { ($0["labels"] as? [Int])?.count } == [2, nil, 0, 2] && listed[1]["label"] as? Int == 4)
            // What is there is kept.
            let again = try place.succeed(
                ["sample", "runs/tiny", "--classes", "even+ring", "--out", "some/"] + sampling)
            #expect(again.errors.contains("1 of 1 images already exist"), "\(again.errors)")
            try place.succeed(["sample", "runs/tiny", "--classes", "even+ring,+,ring", "--out", "a.png"] + sampling)
            try place.succeed(["sample", "runs/tiny", "--count", "10", "--steps", "1", "--out", "a.npz"])
            // The set is neither of its classes, and none is no dropped condition.
            try place.succeed(
                ["sample", "runs/tiny", "--classes", "even+ring,ring,even,+", "--out", "a.safetensors"] + sampling)
            let values = try place.floats("a.safetensors")
            let size = values.count / 4
            #expect(Set((0..<4).map { Array(values.values[$0 * size..<($0 + 1) * size]) }).count == 4)
            try place.refuse(
                ["sample", "runs/tiny", "--classes", "even+eel", "--out", "b.png"] + sampling,
                naming: ["--classes", "there is no class 'even+eel'", "joined by +"])
            try place.refuse(
                ["sample", "runs/tiny", "--classes", "even+ring,ring+even", "--out", "b.png"] + sampling,
                naming: ["names the same image twice"])
            // The converted file knows it, too, and a plain model refuses sets.
            try place.succeed("convert", "runs/tiny", "one.safetensors", "--weights", "ema")
            try place.succeed(["sample", "one.safetensors", "--classes", "even+ring", "--out", "c.png"] + sampling)
            try FileManager.default.removeItem(atPath: place.path("shapes/metadata.jsonl"))
            try place.succeed("train", "tiny.yaml", "--set", "name=plain")
            try place.refuse(
                ["sample", "runs/plain", "--classes", "ring+star", "--out", "d.png"] + sampling,
                naming: ["'ring+star' is not one class", "runs/plain", "was trained on single classes"])
            try place.refuse(
                ["sample", "runs/plain", "--values", "age=3", "--out", "d.png"] + sampling,
                naming: ["--values asks for 'age=3'", "trained without values"])
        }
    }

    @Test func valuesOfImages() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try describe(place) { number, _ in
                #""age": \#(number), "zoom": \#(number == 5 ? "null" : "\(Double(number % 5) / 2)")"#
            }
            let inspected = try place.succeed("dataset", "inspect", "shapes", "--values", "age,zoom,size").output
            #expect(inspected.contains(/value age\n  images with it +24\n  lowest +0\n  mean +11.5\n  highest +23/))
            #expect(inspected.contains(/without it +1\b/) && inspected.contains(/nothing said +24\b/))
            let json = try place.succeed("dataset", "inspect", "shapes", "--values", "age", "--json").output
            #expect(json.contains("\"standard_deviation\" : 6.92"), "\(json)")
            let set = ["--set", "data.values=[age, zoom]", "--set", "data.labels=none"]
            let trained = try place.succeed(["train", "tiny.yaml", "--set", "training.preview_every=3"] + set)
            #expect(trained.output.contains("age from 0 to 23, mean 11.5"), "\(trained.output)")
            #expect(try place.succeed("info", "runs/tiny").output.contains("zoom from 0 to 2"))
            #expect(try place.succeed("info", "runs/tiny").output.contains("told 2 values"))
            let out = try place.succeed(
                ["sample", "runs/tiny", "--values", "age=3,zoom=1.5", "--values", "age=40", "--out", "some/"] + sampling
            )
            #expect(
                try place.pictureNames(in: "some") == ["shapes-age=3-zoom=1.5-seed1.png", "shapes-age=40-seed1.png"])
            let beyond = "age 40 is beyond the numbers of training, which are 0 to 23"
            #expect(out.errors.contains(beyond) && out.errors.contains("zoom is not given for all images by --values"))
            let values = try pictures(place, "some/manifest.json").map { $0["values"] as? [[String: Any]] ?? [] }
            #expect(values.map(\.count) == [2, 1] && values[0][1]["name"] as? String == "zoom")
            #expect(values[0][1]["value"] as? Double == 1.5 && values[1][0]["value"] as? Double == 40)
            try place.succeed(
                ["sample", "runs/tiny", "--values", "age=3", "--values", "age=20", "--out", "a.safetensors"] + sampling)
            let floats = try place.floats("a.safetensors").values
            #expect(Array(floats.prefix(floats.count / 2)) != Array(floats.suffix(floats.count / 2)))
            let open = try place.succeed(["sample", "runs/tiny", "--out", "open.png"] + sampling)
            #expect(open.errors.contains("age and zoom are not given for all images by --values"), "\(open.errors)")
            for (text, words) in [
                ("age=old", "age is 'old'"), ("size=1", "there is no value 'size'; expected one of age, zoom"),
                ("age", "'age' has no number"),
            ] {
                try place.refuse(
                    ["sample", "runs/tiny", "--values", text, "--out", "b.png"] + sampling, naming: ["--values", words])
            }
            try place.refuse(
                ["sample", "runs/tiny", "--values", "age=1", "--values", "age=1", "--out", "b.png"] + sampling,
                naming: ["--values or --seeds names the same image twice"])
            // A resumed run has the run's values.
            try place.refuse(
                ["train", "tiny.yaml", "--resume", "--set", "data.values=[age]", "--set", "data.labels=none"],
                naming: ["was trained on other values", "data.values"])
            try place.succeed(["train", "tiny.yaml", "--resume", "--set", "training.steps=4"] + set)
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.values=[size]", "--set", "name=b",
                naming: ["has no 'size'", "data.labels or --labels", "data.values or --values"])
            // The guide is one that is told the same.
            try place.succeed(
                [
                    "sample", "runs/tiny", "--guide", "runs/tiny@2", "--values", "age=3", "--guidance", "2", "--out",
                    "g.png",
                ]
                    + sampling)
            try place.succeed("train", "tiny.yaml", "--set", "name=plain", "--set", "data.labels=none")
            try place.refuse(
                [
                    "sample", "runs/tiny", "--guide", "runs/plain", "--values", "age=3", "--guidance", "2", "--out",
                    "h.png",
                ]
                    + sampling, naming: ["cannot guide", "it was trained on other values, or without any"])
            try place.succeed("distill", "runs/tiny", "--steps", "2")
            try place.succeed(["sample", "runs/tiny-jumps", "--values", "age=3", "--out", "j.png", "--seeds", "1"])
        }
    }

    @Test(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"))
    func severalProcessesFollowOne() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try describe(place) { number, shape in
                #""age": \#(number == 3 ? "null" : "\(number)"), "label": \#(number % 3 == 0 ? "[]" : "[\"\(shape)\", \"all\"]")"#
            }
            func train(_ name: String) -> [String] {
                let settings = [
                    "name=\(name)", "threads=1", "training.steps=8", "training.batch_size=12", "data.values=[age]",
                    "training.label_dropout=0.3", "data.holdout=0.1", "training.holdout_every=4",
                    "training.preview_every=8", "sampling.steps=2",
                ]
                return ["train", "tiny.yaml"] + settings.flatMap { ["--set", $0] }
            }
            try place.succeed(train("one"))
            try place.succeed(ranks: 3, train("three"))
            let (one, three) = (try place.losses("one"), try place.losses("three"))
            #expect(one.count == 8 && zip(one, three).allSatisfy { abs($0 - $1) < 1e-4 * $1 }, "\(one) \(three)")
            func sample(_ out: String) -> [String] {
                [
                    "sample", "runs/one", "--classes", "all+ring,+", "--values", "age=3", "--values", "age=9", "--out",
                    out, "--batch", "2", "--threads", "1",
                ] + sampling
            }
            try place.succeed(sample("one.safetensors"))
            try place.succeed(ranks: 2, sample("two.safetensors"))
            #expect(try place.floats("one.safetensors").values == place.floats("two.safetensors").values)
        }
    }

    /// The metadata of a checkpoint may hold anything.
    @Test(arguments: ["[{\"name\": 3}]", "[{", "[]", "null"])
    func damagedMetadata(text: String) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try describe(place) { number, _ in #""age": \#(number)"# }
            try place.succeed("train", "tiny.yaml", "--set", "data.values=[age]")
            try place.succeed("convert", "runs/tiny", "one.safetensors", "--weights", "ema")
            var file = try place.bytes("one.safetensors")
            let length = Int(file.prefix(8).enumerated().reduce(0) { $0 + UInt64($1.element) << (8 * $1.offset) })
            var header = try #require(
                JSONSerialization.jsonObject(with: file.subdata(in: 8..<8 + length)) as? [String: Any])
            var metadata = try #require(header["__metadata__"] as? [String: String])
            #expect(metadata["values"]?.contains("\"age\"") == true)
            metadata = metadata.filter { !$0.key.contains("fingerprint") && !$0.key.contains("hash") }
            metadata["values"] = text
            header["__metadata__"] = metadata
            let written = try JSONSerialization.data(withJSONObject: header)
            var bytes = Data((0..<8).map { UInt8(truncatingIfNeeded: written.count >> (8 * $0)) })
            bytes += written
            bytes += file.subdata(in: 8 + length..<file.count)
            file = bytes
            try file.write(to: URL(fileURLWithPath: place.path("two.safetensors")))
            try place.refuse(
                ["sample", "two.safetensors", "--out", "a.png"] + sampling,
                naming: [text.hasPrefix("[{") ? "metadata values is damaged" : "told 1 value, and says how 0"])
        }
    }
}
