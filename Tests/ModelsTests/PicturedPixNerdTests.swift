import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdModels

/// Models that read pictures beside the noisy pixels, against PyTorch and Pillow (make_control_fixtures.py).
@Suite struct PicturedPixNerdTests {
    private let file: SafetensorsFile

    init() throws { file = try SafetensorsFile(path: Fixtures.path("control/pictures.safetensors")) }

    private func model(recomputesBlocks: Bool = false) throws -> PixNerd {
        try PixNerd(loading: TensorSubset(file, prefix: "model."), recomputesBlocks: recomputesBlocks)
    }

    private func condition() throws -> any Condition {
        ClassCondition(try file.integers("y")).showing(ShownPictures(try file.tensor("picture")))
    }

    private func velocity(_ model: PixNerd, _ condition: any Condition) throws -> Tensor {
        model.velocity(try file.tensor("x"), times: try file.tensor("t").values, condition: condition)
    }

    @Test func velocityFollowsPyTorch() throws {
        let model = try model()
        expectClose(try velocity(model, condition()), try file.tensor("out"), .network)
        expectClose(
            try velocity(model, ClassCondition(file.integers("y"))), try file.tensor("out.none"), .network,
            "pictures that are not given are grey")
        #expect(relativeError(try file.tensor("out").values, try file.tensor("out.none").values) > 0.1)
    }

    @Test(arguments: [false, true]) func gradientsFollowPyTorch(recomputes: Bool) throws {
        let model = try model(recomputesBlocks: recomputes)
        try withGradient(upstream: file.tensor("upstream")) { try velocity(model, condition()) }
        let names = file.names.filter { $0.hasPrefix("gradient.") }
        #expect(names.count > 8 && names.contains("gradient.picture_embedder.proj.weight"))
        for name in names {
            let parameter = try #require(model.parameters.first { "gradient." + $0.name == name })
            expectClose(try #require(parameter.gradient), try file.tensor(name), .network, name)
        }
    }

    private func sizes(channels: Int, linear: Bool = false, overlap: Int = 1) throws -> PixNerdArchitecture {
        try PixNerdArchitecture(
            hiddenSize: 16, heads: 2, blocks: 3, conditionedBlocks: 2, patchSize: 4, head: linear ? .linear : .field,
            fieldWidth: 8, fieldPositions: .centers, fieldNeighbors: true, fieldOverlap: overlap, classes: 3,
            pictureChannels: channels)
    }

    private func noise(_ shape: [Int], step: Int = 0) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 9, purpose: .test, step: step, index: $0) }
    }

    @Test(arguments: [false, true]) func sizesAreReadOffTheTensors(linear: Bool) throws {
        try withTemporaryDirectory { directory in
            let sizes = try sizes(channels: 2, linear: linear)
            let model = PixNerd.filled(sizes)
            #expect(model.parameterCount == sizes.parameterCount)
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write(model.parameters.map { ($0.name, $0.value) }, to: path)
            let checkpoint = try DenoiserCheckpoint(path: path)
            #expect(try checkpoint.architecture(.raw).isSame(as: sizes))
            #expect(JSON.value(PixNerdArchitecture.self, from: try JSON.text(sizes)) == sizes)
            #expect(sizes.summary.last == "reads pictures of 2 channels")
            let (x, labels) = (noise([1, 3, 8, 8]), ClassCondition([1]))
            let shown = labels.showing(ShownPictures(noise([1, 2, 8, 8], step: 1)))
            let velocity = model.velocity(x, times: [0.3], condition: shown)
            #expect(velocity.values != model.velocity(x, times: [0.3], condition: labels).values)
            #expect(
                try checkpoint.load(.raw).velocity(x, times: [0.3], condition: shown).values == velocity.values)
        }
        #expect(throws: PixNerdError.self) {
            try PixNerdArchitecture(
                hiddenSize: 16, heads: 2, blocks: 4, conditionedBlocks: 3, controlBlocks: 1, pictureChannels: 1)
        }
    }

    /// What reads pictures is zero at first, also in fields that read neighbours and have positions of their own.
    @Test(arguments: [1, 4], [false, true]) func aNewOneHasNoEffect(channels: Int, linear: Bool) throws {
        let plain = PixNerd.filled(try sizes(channels: 0, linear: linear))
        let architecture = try sizes(channels: channels, linear: linear)
        let new = try #require(architecture.newParts(beginningAs: plain.architecture))
        #expect(new == "what reads pictures is new and begins without an effect")
        let begun = try architecture.makeModel(beginningAs: plain, nil, seed: 0, recomputesBlocks: false)
        let model = try #require(begun as? PixNerd)
        #expect(model.architecture == architecture)
        let (x, labels) = (noise([2, 3, 8, 12]), ClassCondition([1, nil]))
        let shown = labels.showing(ShownPictures(noise([2, channels, 8, 12], step: 1)))
        let expected = plain.velocity(x, times: [0.2, 0.9], condition: labels)
        expectClose(model.velocity(x, times: [0.2, 0.9], condition: shown), expected, .network)
        // With other classes at once.
        var other = architecture
        other.classes = 2
        let rows = ClassRows(taken: [2, nil], like: 0)
        let moved = try other.makeModel(beginningAs: plain, rows, seed: 0, recomputesBlocks: false)
        expectClose(
            moved.velocity(x, times: [0.2, 0.9], condition: ClassCondition([1, nil])),
            plain.velocity(x, times: [0.2, 0.9], condition: ClassCondition([0, nil])), .network)
        #expect(try sizes(channels: 0, linear: linear).newParts(beginningAs: architecture) == nil)
    }

    /// At other densities a field reads the pictures at its own pixels, whether some or all are decoded.
    @Test func fieldsReadPicturesAtTheirDensity() throws {
        let model = PixNerd.filled(try sizes(channels: 2, overlap: 0))
        let route = FieldRoute(model, trainedSize: 16)
        let (x, picture, times) = (noise([2, 3, 28, 36]), noise([2, 2, 28, 36], step: 1), [Float(0.2), 0.7])
        let condition = ClassCondition([1, 0]).showing(ShownPictures(picture))
        let whole = route.velocity(x, times: times, condition: condition)
        var numbers = RandomStream(seed: 1, purpose: .fieldSize)
        let pixels = PatchPixels(ofPatch: 7, 9, atMost: 4, &numbers)
        let part = route.decoding(pixels, of: x, times: times, condition: condition).velocity(
            pixels(x), times: times, condition: condition)
        #expect(part.shape == [2, 3, 16, 16])
        expectClose(part, pixels(whole), .network)
        // A detail that averages hide from the transformer.
        var values = picture.values
        for (index, value) in values.enumerated() where index / 36 % 28 == 3 && index % 36 == 4 {
            values[index] = value + 50
        }
        let changed = route.velocity(
            x, times: times,
            condition: ClassCondition([1, 0]).showing(ShownPictures(Tensor(values, shape: picture.shape))))
        #expect(relativeError(changed.values, whole.values) > 1e-4)
    }

    @Test func picturesOfImages() throws {
        let file = try SafetensorsFile(path: Fixtures.path("control/inputs.safetensors"))
        let images = try file.tensor("images")
        expectClose(PictureInput(.grey).pictures(of: images), try file.tensor("grey"), .oneOperator)
        expectClose(PictureInput(.small, scale: 4).pictures(of: images), try file.tensor("small"), .oneOperator)
        let masked = PictureInput(.masked).pictures(of: images, masks: try file.tensor("mask"))
        #expect(masked.values == (try file.tensor("masked")).values)
        let nothing = PictureInput(.masked).nothing(channels: 3, height: 2, width: 3)
        #expect(
            nothing.shape == [1, 4, 2, 3] && nothing.values == [Float](repeating: 0, count: 18) + [1, 1, 1, 1, 1, 1])
        #expect(PictureInput.Kind.allCases.map { PictureInput($0).channels(ofImages: 3) } == [1, 3, 4, 3])
        for kind in PictureInput.Kind.allCases {
            let input = PictureInput(kind, scale: 8)
            #expect(JSON.value(PictureInput.self, from: try JSON.text(input)) == input && !input.description.isEmpty)
        }
    }

    /// What a checkpoint says of its pictures is checked before it is used.
    @Test func otherMetadataIsRefused() throws {
        try withTemporaryDirectory { directory in
            let model = PixNerd.filled(try sizes(channels: 3))
            func input(_ text: String) throws -> PictureInput {
                let path = "\(directory)/\(text.hashValue).safetensors"
                try SafetensorsWriter.write(
                    model.parameters.map { ($0.name, $0.value) }, metadata: [PictureInput.key: text], to: path)
                return try DenoiserCheckpoint(path: path).pictureInput
            }
            #expect(try input(#"{"kind":"small","scale":4}"#) == PictureInput(.small, scale: 4))
            for text in [
                #"{"kind":"small","scale":0}"#, #"{"kind":"small","scale":-3}"#, #"{"kind":"small"}"#, "{}", "small",
                #"{"kind":"round"}"#, #"{"kind":"small","scale":1e30}"#,
            ] {
                expectSentence(sentence { _ = try input(text) }, naming: [PictureInput.key, "another copy"])
            }
        }
    }
}
