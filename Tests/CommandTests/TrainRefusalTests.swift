import PixNerdTestSupport
import Testing

/// Errors of `pixnerd train` and `pixnerd dataset`.
@Suite struct TrainRefusalTests {
    private func withPictures(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try body(place)
            #expect(!place.exists("runs"), "a run that was refused leaves nothing behind")
        }
    }

    @Test func foldersOfPictures() throws {
        try withPictures { place in
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.root=missing", naming: ["missing", "No such file"])
            try place.makeFolder("empty")
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.root=empty", naming: ["empty", "folder for each class"])
            try place.makeFolder("hollow/cats")
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.root=hollow", naming: ["hollow/cats", "no image"])
            try place.refuse("train", "tiny.yaml", "--set", "data.root=tiny.yaml", naming: ["tiny.yaml is a file"])
            try place.refuse("train", "tiny.yaml", "--set", "data.root=", naming: ["data.root is not set"])
        }
    }

    @Test func sizesThatDoNotFit() throws {
        try withPictures { place in
            try place.refuse(
                "train", "tiny.yaml", "--set", "data.image_size=18", naming: ["data.image_size", "18", "20"])
            try place.refuse("train", "tiny.yaml", "--set", "model.num_classes=7", naming: ["model.num_classes", "8"])
            try place.refuse("train", "tiny.yaml", "--set", "model.num_groups=3", naming: ["num_groups 3"])
        }
    }

    @Test func configurations() throws {
        try withPictures { place in
            try place.refuse("train", "missing.yaml", naming: ["missing.yaml"])
            try place.write("name: a\ntraining:\n  steps: many\n", to: "wrong.yaml")
            try place.refuse(
                "train", "wrong.yaml", naming: ["wrong.yaml:3", "training.steps", "'many'", "whole number"])
            try place.write("name: a\ntraining:\n  batchsize: 3\n", to: "unknown.yaml")
            try place.refuse(
                "train", "unknown.yaml", naming: ["unknown.yaml:3", "training.batchsize", "training.batch_size?"])
            try place.write("name: [\n", to: "broken.yaml")
            try place.refuse("train", "broken.yaml", naming: ["broken.yaml:2", "not valid YAML"])
            try place.refuse("train", "tiny.yaml", "--set", "seed", naming: ["--set seed", "equals sign"])
            try place.refuse("train", "tiny.yaml", "--set", "name=../x", naming: ["--set", "name is '../x'"])
            try place.refuse("train", naming: ["configuration file"])
        }
    }

    @Test func runsThatAreThereAndThatAreNot() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.refuse("train", "tiny.yaml", "--resume", naming: ["runs/tiny", "without --resume"])
            try place.succeed("train", "tiny.yaml")
            let before = try place.bytes("runs/tiny/step-0000003/denoiser.safetensors")
            try place.refuse("train", "tiny.yaml", naming: ["runs/tiny", "--resume", "--set name="])
            #expect(try place.bytes("runs/tiny/step-0000003/denoiser.safetensors") == before)
            try place.refuse(
                "train", "tiny.yaml", "--resume", "--set", "model.hidden_size=32",
                naming: ["runs/tiny/step-0000003", "other sizes"])
        }
    }

    @Test func lossesThatAreNotFinite() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let outcome = try place.run("train", "tiny.yaml", "--set", "training.learning_rate=1e30")
            #expect(outcome.isExit && outcome.status == 1)
            let lines = outcome.errors.split(separator: "\n")
            expectSentence(String(lines.last ?? ""), naming: ["step 2", "weight", "not finite", "learning rate"])
        }
    }

    @Test func foldersForShapes() throws {
        try withPictures { place in
            let before = try place.names(in: "shapes/ring")
            try place.refuse(
                "dataset", "shapes", "--out", "shapes", "--per-class", "9", naming: ["shapes", "not empty"])
            #expect(try place.names(in: "shapes/ring") == before)
            try place.refuse("dataset", "shapes", "--out", "tiny.yaml", naming: ["tiny.yaml is a file"])
            try place.refuse("dataset", "shapes", "--out", "tiny.yaml/x", naming: ["tiny.yaml/x", "cannot be made"])
            try place.refuse("dataset", "shapes", "--out", "a", "--size", "7", naming: ["--size is 7", "8 to 4096"])
            try place.refuse("dataset", "shapes", "--out", "a", "--per-class", "0", naming: ["--per-class is 0"])
            #expect(!place.exists("a"))
        }
    }
}
