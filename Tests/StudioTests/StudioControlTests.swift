import Foundation
import PixNerdImages
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTestSupport
import Testing

@testable import PixNerdStudio

/// Pictures that models are shown through the studio.
@Suite struct StudioControlTests {
    private static let photograph = ShapesDataset.picture(label: 1, index: 3, size: 16, seed: 9)

    /// The image that the library samples of class 0 from seed 1 in three steps.
    private static func reference(
        _ place: StudioPlace, _ run: String, _ control: ControlChoice
    ) throws -> RGBImage {
        var options = SamplingOptions()
        (options.steps, options.control) = (3, control)
        let sampling = try CheckpointSampling(path: "\(place.directory)/runs/\(run)", options)
        return try sampling.job([PictureRequest(label: 0, seed: 1)]).images()[0]
    }

    private static func wish(_ model: String, _ more: String = "") -> String {
        #"{"model": "\#(model)", "prompts": ["0"], "seeds": [1], "steps": 3\#(more)}"#
    }

    private static func refusal(_ place: StudioPlace, _ json: String) async -> String {
        let error = await #expect(throws: StudioPlace.Refusal.self) { _ = try await place.made(json) }
        return error?.message ?? ""
    }

    @Test func aControlNetFollowsAPictureOfTheClient() async throws {
        try await StudioPlace.with { place in
            try place.train("edges") {
                $0.control.edges = .canny
                $0.from = "\(place.directory)/runs/tiny"
                $0.training.learningRate = 0.05
            }
            let name = try await place.input(Self.photograph)
            let path = "\(place.directory)/photograph.png"
            try ImageFile.writePNG(Self.photograph, to: path)
            var control = ControlChoice()
            control.photographs = path
            let followed = try Self.reference(place, "edges", control)
            #expect(try await place.made(Self.wish("edges", #", "control": "\#(name)""#)) == followed)
            (control.strength, control.times) = (0.5, 0...0.4)
            let weaker = try await place.made(
                Self.wish("edges", #", "control": "\#(name)", "control_strength": 0.5, "control_upper": 0.4"#))
            #expect(try Self.reference(place, "edges", control) == weaker && weaker != followed)
            // The model without its ControlNet, which another run lends it.
            #expect(
                try await place.made(Self.wish("tiny", #", "control": "\#(name)", "control_net": "edges""#)) == followed
            )
            #expect(try await place.made(Self.wish("edges")) == Self.reference(place, "tiny", ControlChoice()))

            let data = Data(try ImageFile.encodePNG(Self.photograph)).base64EncodedString()
            func web(_ units: String) async throws -> StudioPlace.Answer {
                try await place.send(
                    "POST", "/sdapi/v1/txt2img",
                    json: #"""
                        {"prompt": "0", "seed": 1, "steps": 3, "override_settings": {"sd_model_checkpoint": "edges"},
                        "alwayson_scripts": {"controlnet": {"args": [\#(units)]}}}
                        """#)
            }
            struct Images: Decodable { let images: [String] }
            let answer = try await web(#"{"enabled": false}, {"image": "\#(data)", "module": "canny"}"#)
            #expect(answer.status == 200, "\(answer.message)")
            let image = try JSONDecoder().decode(Images.self, from: Data(answer.body)).images[0]
            #expect(try ImageFile.decode(Array(Data(base64Encoded: image) ?? Data()), name: "answer") == followed)
            let unknown = try await web(#"{"image": "\#(data)", "module": "depth_midas"}"#)
            #expect(unknown.status == 400)
            expectSentence(unknown.message, naming: ["depth_midas", "canny"])
            expectSentence(
                try await web(#"{"image": "\#(data)"}, {"image": "\#(data)"}"#).message, naming: ["2 units"])

            for (model, more, words) in [
                ("edges", #", "edges": "canny""#, ["edges", "without control"]),
                ("edges", #", "control_upper": 0.5"#, ["control_upper", "without control"]),
                ("edges", #", "control": "\#(name)", "edges": "hed""#, ["hed", "encode control"]),
                ("edges", #", "control": "\#(name)", "control_kind": "drawing""#, ["control_kind", "photograph"]),
                ("edges", #", "control": "\#(name)", "control_strength": -1"#, ["control_strength"]),
                ("edges", #", "control": "\#(name)", "control_lower": 0.7, "control_upper": 0.2"#, ["control_lower"]),
                ("edges", #", "control": "../tiny""#, ["control", "/api/inputs"]),
                ("tiny", #", "control": "\#(name)""#, ["no ControlNet"]),
                ("tiny", #", "control": "\#(name)", "control_net": "none""#, ["none"]),
            ] {
                let message = await Self.refusal(place, Self.wish(model, more))
                expectSentence(message, naming: words)
                #expect(!message.contains("/inputs/"), "\(message)")
            }
        }
    }

    @Test func aModelThatReadsPicturesIsListedAndShownOne() async throws {
        try await StudioPlace.with { place in
            for kind in ["grey", "masked"] { try place.train(kind) { $0.data.condition = kind } }
            struct Models: Decodable {
                struct Model: Decodable {
                    let id: String
                    let shows: String?
                    let error: String?
                }
                let models: [Model]
            }
            let models = try JSONDecoder().decode(
                Models.self, from: Data(try await place.send("GET", "/api/models").body)
            ).models
            #expect(models.allSatisfy { $0.error == nil })
            #expect(
                Dictionary(uniqueKeysWithValues: models.map { ($0.id, $0.shows) })
                    == ["tiny": nil, "grey": "grey", "masked": "masked"])
            let large = try await place.input(ShapesDataset.picture(label: 1, index: 3, size: 40, seed: 9))
            let path = "\(place.directory)/large.png"
            try ImageFile.writePNG(ShapesDataset.picture(label: 1, index: 3, size: 40, seed: 9), to: path)
            var control = ControlChoice()
            control.photographs = path
            let colored = try await place.made(Self.wish("grey", #", "control": "\#(large)""#))
            #expect(try colored == Self.reference(place, "grey", control))
            let missing = await Self.refusal(place, Self.wish("grey"))
            expectSentence(missing, naming: ["grey pictures", "control", "photograph"])
            let size = await Self.refusal(
                place, Self.wish("grey", #", "control": "\#(large)", "control_kind": "picture""#))
            expectSentence(size, naming: ["control has 40 x 40", "16 x 16"])
            #expect(!size.contains(large), "\(size)")
        }
    }
}
