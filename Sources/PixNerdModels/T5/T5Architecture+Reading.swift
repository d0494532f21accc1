import Foundation
import PixNerdSupport

extension T5Architecture {
    /// What a `config.json` says besides the sizes.
    private struct Configuration: Decodable {
        /// A value that is only looked for.
        struct Ignored: Decodable {}

        var feedForwardProj: String?
        var quantizationConfig: Ignored?
    }

    /// Reads and checks a `config.json` of transformers.
    ///
    /// - Throws: `PixNerdError` if it is no configuration of a T5 v1.1, or has impossible sizes.
    public init(configuration path: String) throws {
        let text = try configurationText(path)
        let configuration: Configuration
        do {
            configuration = try JSON.decoder(snakeCase: true).decode(Configuration.self, from: text)
            // An original T5 says nothing.
            let kind = configuration.feedForwardProj ?? "relu"
            guard kind == "gated-gelu" else {
                throw PixNerdError(
                    .unsupported, "\(path)", found: "has the feed_forward_proj '\(kind)'", expected: "gated-gelu",
                    advice: "use a T5 v1.1 or a flan-T5")
            }
            guard configuration.quantizationConfig == nil else {
                throw PixNerdError(
                    .unsupported, "\(path)", found: "has quantized weights, which are not supported",
                    advice: "use a T5 as it was published")
            }
            self = try JSON.decoder().decode(T5Architecture.self, from: text)
        } catch let error as DecodingError {
            throw PixNerdError(
                .malformed, "\(path)", found: "is not the configuration of a T5: \(configurationProblem(error))")
        } catch let error as PixNerdError where error.kind == .invalidValue {
            throw PixNerdError(
                .invalidValue, "\(path): \(error.subject ?? "")", found: error.found, expected: error.expected)
        }
    }
}
