import Foundation
import PixNerdCheckpoints
import PixNerdTestSupport
import Testing

/// Pictures without classes, archives and labels in files, from `train` to `sample`.
@Suite struct FlatFolderTests {
    /// Moves the shapes of all classes into one folder, without class folders.
    private func flatten(_ place: Workplace, into folder: String) throws {
        try place.makeFolder(folder)
        for name in try place.names(in: "shapes") where !name.contains(".") {
            for picture in try place.pictureNames(in: "shapes/\(name)") {
                try FileManager.default.copyItem(
                    atPath: place.path("shapes/\(name)/\(picture)"), toPath: place.path("\(folder)/\(name)-\(picture)"))
            }
        }
    }

    private func metadata(_ place: Workplace, of run: String = "tiny") throws -> [String: String] {
        try SafetensorsFile(path: place.path("runs/\(run)/latest/ema.safetensors")).metadata
    }

    @Test func aFlatFolderTrainsAndSamplesWithoutAnyKey() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try flatten(place, into: "mine")
            let arguments = ["train", "tiny.yaml", "--set", "data.root=mine"]
            let trained = try place.succeed(arguments)
            #expect(trained.output.contains("in 1 class (no labels: no class folders)"))
            let notice =
                "the images have one class, which guidance has nothing to compare with: training.label_dropout is 0 and "
                + "sampling.guidance is 1"
            #expect(trained.errors.components(separatedBy: notice).count == 2, "\(trained.errors)")
            let metadata = try metadata(place)
            #expect(metadata["classes"] == "[\"mine\"]")
            #expect(metadata["label_dropout"] == "0.0" && metadata["guidance"] == "1.0")
            let configuration = try String(contentsOfFile: place.path("runs/tiny/config.yaml"), encoding: .utf8)
            #expect(configuration.contains("label_dropout: 0.0") && configuration.contains("guidance: 1.0"))
            let sampled = try place.succeed("sample", "runs/tiny", "--steps", "2", "--seeds", "1", "--out", "a.png")
            #expect(!sampled.errors.contains("guidance"))
            // Resumed, nothing has changed.
            let resumed = try place.succeed(arguments + ["--resume", "--set", "training.steps=5"])
            #expect(!resumed.errors.contains("label_dropout changed"))
            // The same bits as a run that was never stopped.
            try place.succeed(arguments + ["--set", "training.steps=5", "--set", "name=whole"])
            #expect(
                try place.bytes("runs/tiny/step-0000005/ema.safetensors")
                    == place.bytes("runs/whole/step-0000005/ema.safetensors"))
        }
    }

    /// A configuration that sets guidance for several classes serves for one as well.
    @Test func guidanceOfAFileForSeveralClasses() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try flatten(place, into: "mine")
            try place.write(tinyConfiguration + "\nsampling:\n  guidance: 2.5\n", to: "tiny.yaml")
            let trained = try place.succeed("train", "tiny.yaml", "--set", "data.root=mine")
            #expect(trained.errors.contains("which guidance has nothing to compare with: training.label_dropout is 0"))
            let sampled = try place.succeed("sample", "runs/tiny", "--steps", "2", "--seeds", "1", "--out", "a.png")
            #expect(!sampled.errors.contains("guidance"), "\(sampled.errors)")
            let manifest = String(decoding: try place.bytes("a.png.json"), as: UTF8.self)
            #expect(manifest.contains(/"guidance" : \[\s*1\s*\]/), "\(manifest)")
        }
    }

    @Test func whatIsSetStays() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try flatten(place, into: "mine")
            let set = ["--set", "training.label_dropout=0.2", "--set", "sampling.guidance=2"]
            let trained = try place.succeed(["train", "tiny.yaml", "--set", "data.root=mine"] + set)
            #expect(!trained.errors.contains("nothing to compare with"))
            let own = try metadata(place)
            #expect(own["label_dropout"] == "0.2" && own["guidance"] == "2.0")
            // With classes the usual values stand, and so they do where they are asked for by their word.
            let words = ["--set", "training.label_dropout=auto", "--set", "sampling.guidance=auto"]
            try place.succeed(["train", "tiny.yaml", "--set", "name=usual"] + words)
            let usual = try metadata(place, of: "usual")
            #expect(usual["label_dropout"] == "0.1" && usual["guidance"] == "3.5")
            try place.refuse(
                "train", "tiny.yaml", "--set", "training.label_dropout=2",
                naming: ["training.label_dropout is '2'", "auto or a number from 0.0 to 1.0"])
        }
    }

    @Test func archivesAndLabels() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let root = Fixtures.path("datasets/edm.zip")
            let set = ["--set", "data.root=\(root)", "--set", "training.batch_size=2"]
            let trained = try place.succeed(["train", "tiny.yaml"] + set)
            #expect(trained.output.contains("6 in 4 classes (labels of \(root)/dataset.json)"))
            #expect(trained.errors.contains("1 of the 4 classes has no image (2)"))
            #expect(try metadata(place)["classes"] == "[\"0\",\"1\",\"2\",\"3\"]")
            try place.succeed("sample", "runs/tiny", "--steps", "1", "--seeds", "1", "--classes", "3", "--out", "a.png")
            let text = try place.succeed("dataset", "inspect", root, "--labels", "folders", "--contact-sheet", "s.png")
                .output
            #expect(text.contains("6 pictures in 2 classes (labels of the class folders)") && place.exists("s.png"))
            let json = try place.succeed("dataset", "inspect", Fixtures.path("datasets/names"), "--json").output
            #expect(json.contains("\"labelling\" : \"labels of "))
            try place.refuse(
                "dataset", "inspect", Fixtures.path("datasets/deflated.zip"), naming: ["6 of its 6 images", "zip -0"])
            try flatten(place, into: "mine")
            let first = try place.pictureNames(in: "mine")[0]
            try place.write("{\"file_name\":\"\(first)\",\"label\":[\"a\",\"b\"]}\n", to: "mine/metadata.jsonl")
            let several = try place.succeed("dataset", "inspect", "mine").output
            #expect(several.contains("1 picture in 2 classes") && several.contains("classes per image"))
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.root=mine", "--set", "text.encoder=any", "--set",
                "data.caption_template=a {}", naming: ["mine has 1 image with several classes or none", first])
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.labels=lost.csv", naming: ["shapes/lost.csv", "No such file"])
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.label_key=kind",
                naming: ["data.label_key or --label-key is 'kind'", "shapes"])
        }
    }
}
