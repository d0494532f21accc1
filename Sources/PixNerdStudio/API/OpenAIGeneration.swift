import Foundation
import PixNerdImages

/// The fields of OpenAI's requests for images that are used; others are ignored. Those from `seed` on are this server's
/// own.
struct OpenAIGeneration: Decodable {
    let prompt: String
    var model: String?
    var n: Int?
    var size: String?
    var responseFormat: String?
    var outputFormat: String?
    var outputCompression: Int?
    var stream: Bool?
    var partialImages: Int?
    var seed: Int64?
    var steps: Int?
    var guidance: Float?
    var sampler: String?
    var shift: Float?
    var strength: Float?
    var resample: Int?

    /// The fields of a form, as `/v1/images/edits` gets them.
    ///
    /// - Throws: `StudioFailure` that names a field which cannot be read.
    init(_ form: MultipartForm) throws {
        guard let prompt = try form.text("prompt") else {
            throw StudioFailure.invalid("prompt is missing.", parameter: "prompt")
        }
        self.prompt = prompt
        (model, n, size) = (try form.text("model"), try form.number("n"), try form.text("size"))
        (responseFormat, outputFormat) = (try form.text("response_format"), try form.text("output_format"))
        outputCompression = try form.number("output_compression")
        (stream, partialImages) = (try form.number("stream"), try form.number("partial_images"))
        (seed, steps, guidance) = (try form.number("seed"), try form.number("steps"), try form.number("guidance"))
        (sampler, shift) = (try form.text("sampler"), try form.number("shift"))
        (strength, resample) = (try form.number("strength"), try form.number("resample"))
    }

    /// The request for images that this one means, without pictures to begin with.
    ///
    /// - Throws: `StudioFailure` that names a field which is not valid.
    func sampleRequest(_ studio: StudioContext) async throws -> SampleRequest {
        try checkFormat()
        guard ["b64_json", "url"].contains(responseFormat ?? "b64_json") else {
            throw StudioFailure.invalid(
                "response_format is '\(responseFormat ?? "")'; expected b64_json or url.",
                parameter: "response_format")
        }
        guard (1...10).contains(n ?? 1) else {
            throw StudioFailure.invalid("n is \(n ?? 1); it must be from 1 to 10.", parameter: "n")
        }
        guard (0...3).contains(partialImages ?? 0) else {
            throw StudioFailure.invalid(
                "partial_images is \(partialImages ?? 0); it must be from 0 to 3.", parameter: "partial_images")
        }
        let choice = try await ModelChoice(model, prompt: prompt, studio)
        var sample = SampleRequest(
            model: choice.model, prompts: choice.prompts, seeds: ModelChoice.seeds(from: seed, count: n ?? 1))
        if let size, size != "auto" { sample.size = try Self.size(size) }
        (sample.steps, sample.guidance) = (steps, guidance)
        (sample.sampler, sample.shift) = (sampler, shift)
        return sample
    }

    /// The format of the answer's images; nil for PNG, which loses nothing.
    private var lossyFormat: LossyFormat? { outputFormat.flatMap(LossyFormat.init) }

    private func checkFormat() throws {
        if let outputFormat, outputFormat != "png", lossyFormat == nil {
            throw StudioFailure.invalid(
                "output_format is '\(outputFormat.prefix(30))'; expected png, jpeg or webp.", parameter: "output_format"
            )
        }
        if lossyFormat != nil, responseFormat == "url" {
            throw StudioFailure.invalid(
                "response_format is url, and files are kept as PNG; ask for b64_json.", parameter: "response_format")
        }
        guard let outputCompression else { return }
        guard (0...100).contains(outputCompression) else {
            throw StudioFailure.invalid(
                "output_compression is \(outputCompression); it must be from 0 to 100.", parameter: "output_compression"
            )
        }
    }

    /// The bytes of a picture's file in the format that is asked for.
    ///
    /// - Throws: `PixNerdError` if the picture is too large for the format.
    func file(of picture: SamplingWork.Picture) throws -> Data {
        guard let lossyFormat else { return Data(picture.file) }
        let image = try ImageFile.decode(picture.shown, name: "the picture")
        return Data(try ImageFile.encode(image, as: lossyFormat, quality: max(1, outputCompression ?? 90)))
    }

    /// The size as HEIGHTxWIDTH; OpenAI's sizes name the width first.
    private static func size(_ text: String) throws -> String {
        let sides = text.lowercased().split(separator: "x").map { Int($0) }
        guard sides.count == 2, let width = sides[0], let height = sides[1] else {
            throw StudioFailure.invalid(
                "size is '\(text.prefix(30))'; expected WIDTHxHEIGHT, such as 64x48, or auto.", parameter: "size")
        }
        return "\(height)x\(width)"
    }
}
