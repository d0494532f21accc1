import PixNerdCheckpoints
import PixNerdInspection
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The comparison of a text encoder with PyTorch passes for what agrees, fails for what does not, and says what does not
/// fit.
@Suite struct TextEncoderCheckTests {
    private let path = Fixtures.path("t2i/text.safetensors")

    private func comparisons(_ reference: String) throws -> [Comparison] {
        let encoder = try TextEncoderDirectory(path: Fixtures.path("t2i/qwen3")).load(keepsWeights: false)
        let file = try SafetensorsFile(path: reference)
        #expect(TextEncoderCheck.isReference(file))
        return try TextEncoderCheck(encoder, reference: file, tolerance: 1e-4).comparisons()
    }

    private typealias Reference = [(name: String, tensor: Tensor)]

    /// The comparisons with a reference whose tensors were changed.
    private func changed(
        ids: ([Int]) -> [Int] = { $0 }, mask: ([Int]) -> [Int] = { $0 },
        tensors change: (inout Reference) -> Void = { _ in }, metadata: [String: String] = [:]
    ) throws -> [Comparison] {
        try withTemporaryDirectory { directory in
            let file = try SafetensorsFile(path: path)
            let shape = try #require(file.shape(of: "ids"))
            var tensors = try ["hidden", "empty_sees_nothing", "empty_sees_all"].map {
                (name: $0, tensor: try file.tensor($0))
            }
            change(&tensors)
            let copy = "\(directory)/reference.safetensors"
            try SafetensorsWriter.write(
                tensors,
                integers: [
                    ("ids", shape, ids(try file.integers("ids"))), ("mask", shape, mask(try file.integers("mask"))),
                ], metadata: metadata, to: copy)
            return try comparisons(copy)
        }
    }

    @Test func theFixtureAgrees() throws {
        let found = try comparisons(path)
        #expect(found.map(\.name) == ["hidden", "empty_sees_nothing", "empty_sees_all"])
        #expect(found.allSatisfy { $0.passes }, "\(found)")
        let copied = try changed()
        #expect(copied.count == 3 && copied.allSatisfy { $0.passes })
    }

    @Test func whatDiffersDoesNotPass() throws {
        // The other convention for the empty prompts in `hidden`.
        let other = try changed(metadata: ["empty_prompt": "sees-padding"])
        #expect(other.map { $0.passes } == [false, true, true])
        let exchanged = try changed(tensors: { (tensors: inout Reference) in
            (tensors[1].tensor, tensors[2].tensor) = (tensors[2].tensor, tensors[1].tensor)
        })
        #expect(exchanged.map { $0.passes } == [true, false, false])
        // Another token of the second prompt.
        let ids = try changed(ids: { (ids: [Int]) in ids.indices.map { $0 == 17 ? ids[$0] ^ 1 : ids[$0] } })
        #expect(ids.map { $0.passes } == [false, true, true])
    }

    @Test func whatDoesNotFitIsRefused() throws {
        expectSentence(
            sentence { _ = try changed(mask: { (mask: [Int]) in mask.map { 1 - $0 } }) },
            naming: ["mask", "padding at the end"])
        expectSentence(sentence { _ = try changed(mask: { (mask: [Int]) in mask.map { 2 * $0 } }) }, naming: ["mask"])
        expectSentence(
            sentence { _ = try changed(mask: { (mask: [Int]) in mask.map { _ in 1 } }) },
            naming: ["no padded prompt", "empty prompt"])
        expectSentence(
            sentence { _ = try changed(ids: { (ids: [Int]) in ids.map { $0 + 400 } }) }, naming: ["rows for 488 tokens"]
        )
        expectSentence(
            sentence {
                _ = try changed(tensors: { (tensors: inout Reference) in tensors[1].tensor = tensors[0].tensor })
            },
            naming: ["empty_sees_nothing has the shape", "an encoder of width 24"])
        expectSentence(
            sentence { _ = try changed(metadata: ["empty_prompt": "maybe"]) },
            naming: ["empty_prompt", "'maybe'", "sees-nothing or sees-padding"])
    }
}
