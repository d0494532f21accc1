import Foundation
import PixNerdSampling

/// A picture of the gallery, with everything that made it.
struct PictureRecord: Codable, Sendable, Equatable {
    let id: String
    let job: String
    let model: String
    let prompt: String
    let seed: UInt64
    let height: Int
    let width: Int
    /// Settings to show, in order.
    let settings: [String: String]
    /// The request for this picture alone.
    let request: SampleRequest
    /// Seconds since 1970.
    let created: Double
    /// Number of predicted pictures that are kept; 0 for none.
    var frames = 0

    enum CodingKeys: String, CodingKey {
        case id, job, model, prompt, seed, height, width, settings, request, created, frames
    }

    /// The text under the keyword `parameters`, as programs for AUTOMATIC1111's images read it.
    var parameters: String {
        let names = [("steps", "Steps"), ("sampler", "Sampler"), ("guidance", "CFG scale")]
        let known = names.compactMap { key, name in settings[key].map { "\(name): \($0)" } }
        let rest = settings.filter { entry in !names.contains { $0.0 == entry.key } }.sorted { $0.key < $1.key }
            .map { "\($0.key): \($0.value)" }
        let all = known + ["Seed: \(seed)", "Size: \(width)x\(height)", "Model: \(model)"] + rest
        return "\(prompt)\n\(all.joined(separator: ", "))"
    }
}
