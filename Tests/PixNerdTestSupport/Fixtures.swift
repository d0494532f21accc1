import Foundation
import PixNerdCheckpoints
import PixNerdTensors

/// Files written by PyTorch; `Tests/Fixtures/make_fixtures.py` regenerates them.
public enum Fixtures {
    public static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures").path

    public static func path(_ name: String) -> String { "\(directory)/\(name)" }

    /// The fixture of an operator: inputs, `out`, `upstream`, `grad.*`.
    public static func operation(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: path("operators/\(name).safetensors"))
    }

    /// The path of an autoencoder in a published format, and its diffusers reference.
    public static func autoencoder(_ kind: String) throws -> (path: String, reference: SafetensorsFile) {
        (
            path(kind == "single-file" ? "autoencoder/\(kind)/model.safetensors" : "autoencoder/\(kind)"),
            try SafetensorsFile(path: path("autoencoder/\(kind)-reference.safetensors"))
        )
    }

    /// A case of a training or sampling recipe.
    public static func recipe(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: path("recipes/\(name).safetensors"))
    }

    /// A fixture of the model.
    public static func pixnerd(_ name: String) throws -> SafetensorsFile {
        try SafetensorsFile(path: path("pixnerd/\(name).safetensors"))
    }
}

/// Runs `body` with a new directory, which is removed afterwards.
public func withTemporaryDirectory<R>(_ body: (String) throws -> R) throws -> R {
    let path = NSTemporaryDirectory() + "pixnerd-tests-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}
