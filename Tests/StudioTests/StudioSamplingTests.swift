import Foundation
import PixNerdDiffusion
import PixNerdImages
import PixNerdSampling
import PixNerdSpaces
import PixNerdTestSupport
import Testing

@testable import PixNerdStudio

/// Images by the page's interface and by those of others.
@Suite struct StudioSamplingTests {
    /// The bytes of the image that the library samples for a class and a seed.
    private static func reference(_ place: StudioPlace, label: Int, seed: UInt64) throws -> [UInt8] {
        var options = SamplingOptions()
        options.steps = 3
        let sampling = try CheckpointSampling(path: "\(place.directory)/runs/tiny", options)
        var file: [UInt8] = []
        try sampling.job([PictureRequest(label: label, seed: seed)]).run { pixels, _ in
            file = try ImageFile.encode(storedPictures(pixels, sampling.loaded.format)[0], as: .png)
        }
        return file
    }

    @Test func aJobMakesPicturesOfTheGallery() async throws {
        try await StudioPlace.with { place in
            let json = #"{"model": "tiny@4", "prompts": ["0", "ring"], "seeds": [7], "steps": 3, "trajectory": true}"#
            let answer = try await place.send("POST", "/api/jobs", json: json)
            #expect(answer.status == 202)
            let job = try await place.finished(answer)
            #expect(job.state == "done" && job.pictures.count == 2)
            let picture = try await place.send("GET", "/api/pictures/\(job.pictures[0])")
            #expect(picture.headers["content-type"] == "image/png")
            #expect(picture.text.contains("parameters") && picture.text.contains("Seed: 7"))
            let expected = try ImageFile.decode(Self.reference(place, label: 0, seed: 7), name: "reference")
            #expect(try ImageFile.decode(picture.body, name: "picture") == expected)
            for step in 1...3 {
                let frame = try await place.send("GET", "/api/pictures/\(job.pictures[1])/frames/\(step)")
                #expect(frame.status == 200)
            }
            #expect(try await place.send("GET", "/api/pictures/\(job.pictures[1])/frames/4").status == 404)
            let gallery = try await place.send("GET", "/api/pictures?limit=1")
            #expect(gallery.text.contains(job.pictures[1]) && gallery.text.contains(#""more":true"#))
            #expect(try await place.send("DELETE", "/api/pictures/\(job.pictures[1])").status == 204)
            #expect(try await place.send("GET", "/api/pictures/\(job.pictures[1])").status == 404)
        }
    }

    @Test func openAIsInterfaceGivesTheSameBytes() async throws {
        struct Answer: Decodable {
            struct Item: Decodable {
                let bytes: String

                enum CodingKeys: String, CodingKey { case bytes = "b64_json" }
            }
            let data: [Item]
        }
        try await StudioPlace.with { place in
            let answer = try await place.send(
                "POST", "/v1/images/generations",
                json: #"{"model": "tiny", "prompt": "ring", "seed": 9, "n": 2, "steps": 3, "background": "auto"}"#)
            #expect(answer.status == 200)
            let images = try JSONDecoder().decode(Answer.self, from: Data(answer.body)).data
            let ring = try #require(["circle", "cross", "heart", "ring"].firstIndex(of: "ring"))
            for (place_, item) in images.enumerated() {
                let expected = try Self.reference(place, label: ring, seed: 9 + UInt64(place_))
                #expect(Data(base64Encoded: item.bytes).map(Array.init) == expected)
            }
            #expect(images.count == 2)
            let streamed = try await place.send(
                "POST", "/v1/images/generations",
                json: #"{"prompt": "0", "seed": 9, "steps": 3, "stream": true, "partial_images": 1}"#)
            #expect(streamed.headers["content-type"] == "text/event-stream")
            #expect(streamed.text.contains("event: image_generation.partial_image"))
            #expect(streamed.text.contains("event: image_generation.completed"))
            let unknown = try await place.send(
                "POST", "/v1/images/generations", json: #"{"prompt": "rung"}"#)
            #expect(unknown.status == 400)
            expectSentence(unknown.message, naming: ["rung", "ring"])
        }
    }

    @Test func automatic1111sInterface() async throws {
        struct Answer: Decodable {
            let images: [String]
            let info: String
        }
        try await StudioPlace.with { place in
            let answer = try await place.send(
                "POST", "/sdapi/v1/txt2img",
                json: """
                    {"prompt": "ring", "seed": 3, "steps": 3, "width": 16, "height": 16, "cfg_scale": 2, "batch_size": 2,
                     "sampler_name": "Euler a", "override_settings": {"sd_model_checkpoint": "tiny"}}
                    """)
            #expect(answer.status == 200)
            let value = try JSONDecoder().decode(Answer.self, from: Data(answer.body))
            #expect(value.images.count == 2 && value.info.contains(#""all_seeds":[3,4]"#))
            let png = try #require(Data(base64Encoded: value.images[0]))
            #expect(try ImageFile.decode(Array(png), name: "image").width == 16)
            #expect(String(decoding: png, as: UTF8.self).contains("CFG scale: 2"))
            for (path, text) in [
                ("progress", "\"progress\":0"), ("samplers", "Euler"), ("sd-models", "tiny"), ("options", "tiny"),
                ("upscalers", "[]"),
            ] { #expect(try await place.send("GET", "/sdapi/v1/\(path)").text.contains(text), "\(path)") }
            #expect(try await place.send("POST", "/sdapi/v1/interrupt").status == 200)
            let wrong = try await place.send(
                "POST", "/sdapi/v1/options", json: #"{"sd_model_checkpoint": "nothing"}"#)
            #expect(wrong.status == 404)
        }
    }

    @Test func aJobThatIsCancelledMakesNothing() async throws {
        try await StudioPlace.with { place in
            let json = #"{"model": "tiny", "prompts": ["0"], "seeds": [1], "size": "512x512", "steps": 1000}"#
            let answer = try await place.send("POST", "/api/jobs", json: json)
            #expect(try await place.send("DELETE", "/api/jobs/\(place.job(answer).id)").status == 204)
            let job = try await place.finished(answer)
            #expect(job.state == "cancelled" && job.pictures.isEmpty)
        }
    }
}
