import Foundation
import PixNerdTestSupport
import Testing

/// What `dataset inspect`, `train` and `encode` say about data sets that hold more, or other things, than images.
@Suite struct DatasetTests {
    @Test func whatIsLeftOutIsSaid() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            for name in ["a.heic", "b.JXL"] { try place.write("", to: "shapes/ring/\(name)") }
            try place.write("", to: "shapes/metadata.jsonl")
            #expect(mkfifo(place.path("shapes/ring/c.png"), 0o600) == 0)
            let text = try place.succeed("dataset", "inspect", "shapes").output
            for part in [".heic", ".jxl", "shapes/ring/c.png", "shapes/metadata.jsonl"] { #expect(text.contains(part)) }
            let json = try place.succeed("dataset", "inspect", "shapes", "--json").output
            #expect(json.contains("\"turned\" : 0") && json.contains("shapes/ring/c.png"))
            let errors = try place.succeed("train", "tiny.yaml").errors
            for part in ["1 .heic, 1 .jxl", "shapes/ring/c.png", "shapes/metadata.jsonl"] {
                #expect(errors.components(separatedBy: part).count == 2, "\(errors)")
            }
        }
    }

    @Test func aRootAboveTheClasses() throws {
        try Workplace.with { place in
            for part in ["train", "val"] {
                try place.succeed("dataset", "shapes", "--out", "data/\(part)", "--per-class", "1", "--size", "16")
            }
            let remark = "did you mean data/train?"
            #expect(try place.succeed("dataset", "inspect", "data").output.contains(remark))
            try place.write(tinyConfiguration, to: "tiny.yaml")
            #expect(try place.succeed("train", "tiny.yaml", "--set", "data.root=data").errors.contains(remark))
        }
    }

    @Test func filesOfOtherKinds() throws {
        try Workplace.with { place in
            try Data([0x1F, 0x8B, 8, 0]).write(to: URL(fileURLWithPath: place.path("shards.tar.gz")))
            try place.refuse("dataset", "inspect", "shards.tar.gz", naming: ["compressed with gzip", "unpack it"])
            try Data([0x93] + Array("NUMPY".utf8)).write(to: URL(fileURLWithPath: place.path("a.npy")))
            try place.refuse("evaluate", "a.npy", "a.npy", naming: ["a NumPy array", ".npz"])
            #expect(mkfifo(place.path("t.tar"), 0o600) == 0)
            try place.refuse("dataset", "inspect", "t.tar", naming: ["t.tar", "a FIFO"])
        }
    }

    @Test func featuresThatAreNotFinite() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.makeFolder("encoder")
            let encoder = Fixtures.path("dinov2/transformers-registers")
            try FileManager.default.copyItem(
                atPath: "\(encoder)/config.json", toPath: place.path("encoder/config.json"))
            try writeWithLargestBias("\(encoder)/model.safetensors", to: place.path("encoder/model.safetensors"))
            let outcome = try place.run(
                "encode", "features", "encoder", "shapes", "--out", "features", "--size", "32")
            let last = try #require(outcome.errors.split(separator: "\n").last)
            #expect(outcome.isExit && outcome.status == 1)
            expectSentence(
                String(last), naming: ["features that are not finite numbers for shapes/circle/00001.png", "weights"])
        }
    }

    /// Copies a safetensors file with one bias at the largest float.
    private func writeWithLargestBias(_ source: String, to path: String) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
        let count = (0..<8).reduce(0) { $0 | Int(bytes[$1]) << (8 * $1) }
        let json = try JSONSerialization.jsonObject(with: bytes[8..<8 + count]) as? [String: Any]
        let name = try #require(json?.keys.sorted().first { $0.hasSuffix("1.attention.output.dense.bias") })
        let offsets = try #require((json?[name] as? [String: Any])?["data_offsets"] as? [Int])
        for start in stride(from: 8 + count + offsets[0], to: 8 + count + offsets[1], by: 4) {
            bytes.replaceSubrange(start..<start + 4, with: [0xFF, 0xFF, 0x7F, 0x7F])
        }
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test(arguments: [
        ("grid", "4611686018427387904"), ("width", "9223372036854775807"), ("pictures", "-1"),
        ("pictures_per_shard", "9223372036854775807"), ("image_size", "0"), ("grid", "1e400"),
    ])
    func manifestsWithOddNumbers(key: String, value: String) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.makeFolder("features")
            var fields = [
                "encoder": "\"0\"", "encoder_name": "\"ViT-B/14\"", "width": "24", "grid": "4", "image_size": "16",
                "base_patch": "4", "fast_decode": "false", "pictures": "24", "names": "\"0\"",
                "pictures_per_shard": "24",
            ]
            fields[key] = value
            let json = fields.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
            try place.write("{\(json)}", to: "features/features.json")
            let start = ["encode", "features", Fixtures.path("dinov2/transformers"), "shapes", "--out", "features"]
            try place.refuse(
                start + ["--size", "16", "--base-patch", "4"], naming: ["features/features.json", "not a manifest"])
        }
    }

    @Test func sizesThatNoMachineHas() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let start = ["encode", "features", Fixtures.path("dinov2/transformers"), "shapes", "--out", "features"]
            try place.refuse(start + ["--size", "9223372036854775792"], naming: ["--size is", "at most 16384"])
            try place.refuse(start + ["--batch", "9223372036854775807"], naming: ["--batch is", "at most 1048576"])
        }
    }
}
