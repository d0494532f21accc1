import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The fixtures of text models: a denoiser that takes 16 rows of width 24, and its text encoder.
enum TextFixture {
    static let model = Fixtures.path("t2i/model.safetensors")
    static let encoder = Fixtures.path("t2i/qwen3")
    /// A class model with five classes.
    static let classModel = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")

    /// The prompts whose rows the fixtures hold.
    static func prompts() throws -> [String] {
        struct Entry: Decodable { let prompt: String }
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("t2i/prompts.json")))
        return try JSONDecoder().decode([Entry].self, from: data).map(\.prompt)
    }
}

/// A configuration of a text model with some thousand parameters, for `prepareCaptions`.
let tinyTextConfiguration = """
    name: words
    directory: runs
    seed: 3
    model:
      hidden_size: 16
      num_groups: 2
      num_blocks: 3
      num_cond_blocks: 2
      num_text_blocks: 1
      hidden_size_x: 8
    data:
      root: captioned/train
      image_size: 16
    text:
      encoder: encoder
      length: 10
    training:
      steps: 6
      batch_size: 4
      learning_rate: 1.0e-3
      log_every: 1
      save_every: 3
      preview_every: 0
    """

extension Workplace {
    /// Samples from the fixture, with few small steps unless the arguments say otherwise.
    @discardableResult
    func sampleText(
        _ out: String, _ arguments: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> Outcome {
        try succeed(
            Self.textSampling + ["--out", out] + arguments, sourceLocation: sourceLocation)
    }

    static let textSampling = [
        "sample", TextFixture.model, "--text-encoder", TextFixture.encoder, "--size", "16", "--steps", "3",
    ]

    /// The floats of a `.safetensors` output.
    func floats(_ name: String) throws -> Tensor { try SafetensorsFile(path: path(name)).tensor("samples") }

    /// All files below a folder by their names.
    func tree(_ folder: String) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: path(folder))
        return Dictionary(
            uniqueKeysWithValues: try names.filter { isFolder(path("\(folder)/\($0)")) == false }
                .map { ($0, try bytes("\(folder)/\($0)")) })
    }

    /// A manifest as its JSON is.
    func manifest(_ name: String) throws -> [String: Any] {
        try #require(JSONSerialization.jsonObject(with: bytes(name)) as? [String: Any])
    }

    /// A copy of the fixture's text encoder.
    func copyEncoder(to name: String) throws {
        try FileManager.default.copyItem(atPath: TextFixture.encoder, toPath: path(name))
    }

    /// Makes captioned shapes in `captioned`, the text encoder `encoder`, and the configuration `words.yaml`.
    func prepareCaptions(_ count: Int = 12) throws {
        try succeed(
            "dataset", "shapes", "--captions", "--out", "captioned", "--count", "\(count)", "--hold-out", "none",
            "--size", "16")
        try copyEncoder(to: "encoder")
        try write(tinyTextConfiguration, to: "words.yaml")
    }
}
