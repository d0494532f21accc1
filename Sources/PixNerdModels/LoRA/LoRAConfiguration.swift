import Foundation
import PixNerdSupport

/// What the `adapter_config.json` that peft writes beside a LoRA says of it.
package struct LoRAConfiguration {
    package static let fileName = "adapter_config.json"
    /// The alpha that peft takes where nothing is said.
    static let usualAlpha: Float = 8

    private struct File: Decodable {
        var rank: Int?
        var alpha: Float?
        var takesRoot: Bool?
        var isDoRA: Bool?
        var alphas: [String: Float]?
        var ranks: [String: Int]?

        enum CodingKeys: String, CodingKey {
            case rank = "r"
            case alpha = "lora_alpha"
            case takesRoot = "use_rslora"
            case isDoRA = "use_dora"
            case alphas = "alpha_pattern"
            case ranks = "rank_pattern"
        }
    }

    private let usual: Float
    private let ofLayers: [String: Float]
    /// Whether products are divided by the square root of the rank (rsLoRA, arXiv 2312.03732).
    let takesRoot: Bool

    /// Reads the configuration in the directory of a file.
    ///
    /// - Parameter ranks: The ranks in the file. A configuration of other ranks is that of another file.
    /// - Returns: nil if there is none.
    /// - Throws: `PixNerdError` if it cannot be read, or is that of a DoRA.
    init?(beside path: String, ranks: [Int]) throws {
        let place = (path as NSString).deletingLastPathComponent
        let config = place.isEmpty ? Self.fileName : "\(place)/\(Self.fileName)"
        guard isFolder(config) == false else { return nil }
        guard let file = try? JSON.decoder().decode(File.self, from: configurationText(config)) else {
            throw PixNerdError(
                .malformed, "\(config)", found: "cannot be read as the configuration of a LoRA",
                advice: "use another copy of it, or move it away")
        }
        let known = Set([file.rank].compactMap { $0 } + (file.ranks ?? [:]).values)
        guard let alpha = file.alpha, ranks.allSatisfy(known.contains) else { return nil }
        guard file.isDoRA != true else {
            throw PixNerdError(
                .unsupported, "\(config)", found: "says that it is a DoRA, which is not supported",
                expected: "a plain LoRA")
        }
        guard alpha.isFinite, (file.alphas ?? [:]).values.allSatisfy(\.isFinite) else {
            throw PixNerdError(.notFinite, "\(config):", found: "lora_alpha is \(alpha)", expected: "a number")
        }
        (usual, ofLayers, takesRoot) = (alpha, file.alphas ?? [:], file.takesRoot ?? false)
    }

    /// The alpha of a layer: its own, or that of a name that it ends with.
    func alpha(_ layer: String) -> Float {
        ofLayers[layer] ?? ofLayers.first { layer.hasSuffix(".\($0.key)") }?.value ?? usual
    }
}
