import Foundation
import PixNerdCheckpoints
import PixNerdLayers
import PixNerdModels
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// A small random Qwen3 against the PyTorch statement of it: padded texts, both conventions for the empty prompt, files
/// of every layout.
@Suite struct Qwen3Tests {
    private static let path = Fixtures.path("t2i/qwen3")

    private struct Reference {
        let ids: [[Int]]
        let counts: [Int]
        let hidden: Tensor
        let seesNothing: Tensor
        let seesAll: Tensor

        init() throws {
            let file = try SafetensorsFile(path: Fixtures.path("t2i/text.safetensors"))
            let (ids, mask) = (try file.integers("ids"), try file.integers("mask"))
            let length = try #require(file.shape(of: "ids"))[1]
            let starts = stride(from: 0, to: ids.count, by: length)
            self.ids = starts.map { Array(ids[$0..<$0 + length]) }
            counts = starts.map { mask[$0..<$0 + length].reduce(0, +) }
            hidden = try file.tensor("hidden")
            seesNothing = try file.tensor("empty_sees_nothing")
            seesAll = try file.tensor("empty_sees_all")
        }
    }

    private func expectAgrees(
        _ model: any TextEncoderModel, _ tolerance: Tolerance = .network, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let reference = try Reference()
        let hidden = try model(reference.ids, counts: reference.counts, emptyPrompt: .seesNothing)
        expectClose(hidden, reference.hidden, tolerance, "hidden", sourceLocation: sourceLocation)
    }

    @Test(arguments: [true, false]) func hiddenRowsAgree(keepsWeights: Bool) throws {
        let model = try TextEncoderDirectory(path: Self.path).load(keepsWeights: keepsWeights)
        #expect(model.keepsWeights == keepsWeights)
        try expectAgrees(model)
        // And again, after pages were given back.
        try expectAgrees(model)
    }

    @Test func emptyPromptUnderBothConventions() throws {
        let (model, reference) = (try TextEncoderDirectory(path: Self.path).load(keepsWeights: false), try Reference())
        for (convention, expected) in [
            (EmptyPrompt.seesNothing, reference.seesNothing), (.seesPadding, reference.seesAll),
        ] {
            let rows = try model([reference.ids[0]], counts: [0], emptyPrompt: convention)
            expectClose(rows, expected, .network, convention.rawValue)
        }
        #expect(relativeError(reference.seesAll.values, reference.seesNothing.values) > 0.1)
        // Other texts do not depend on it.
        let texts = (Array(reference.ids.dropFirst()), Array(reference.counts.dropFirst()))
        let both = try EmptyPrompt.ofCausalEncoders.map { try model(texts.0, counts: texts.1, emptyPrompt: $0).values }
        #expect(both[0] == both[1])
    }

    @Test func textsOneByOneAreThoseOfABatch() throws {
        let (model, reference) = (try TextEncoderDirectory(path: Self.path).load(keepsWeights: false), try Reference())
        let all = try model(reference.ids, counts: reference.counts, emptyPrompt: .seesPadding)
        for text in [0, 1, 7, 8, 19] {
            let one = try model([reference.ids[text]], counts: [reference.counts[text]], emptyPrompt: .seesPadding)
            expectClose(one, all.rows(text..<text + 1), .oneOperator, "text \(text)")
        }
    }

    @Test func layersAreReportedAndCanBeTheEnd() throws {
        let (model, reference) = (try TextEncoderDirectory(path: Self.path).load(keepsWeights: false), try Reference())
        var done: [Int] = []
        #expect(throws: CancellationError.self) {
            _ = try model([reference.ids[1]], counts: [3], emptyPrompt: .seesNothing) {
                done.append($0)
                if $0 == 1 { throw CancellationError() }
            }
        }
        #expect(done == [1])
        _ = try model([reference.ids[1]], counts: [3], emptyPrompt: .seesNothing) { done.append($0) }
        #expect(done == [1, 1, 2])
    }

    @Test(.whereBFloat16IsHad) func bfloat16IsNear() throws {
        let (model, reference) = (try TextEncoderDirectory(path: Self.path).load(keepsWeights: false), try Reference())
        // Enough rows that matmuls are large enough for bf16.
        let ids = Array(repeating: reference.ids[1], count: 40)
        let counts = Array(repeating: reference.counts[1], count: 40)
        let rows = try Precision.bf16 { try model(ids, counts: counts, emptyPrompt: .seesNothing) }
        expectClose(
            rows.rows(0..<1), reference.hidden.rows(1..<2), Tolerance(relative: 3e-2, because: "bf16 has 8 bits"))
    }

    /// A copy of the fixture's directory whose weights `write` writes.
    private func withCopy<R>(
        _ write: (_ tensors: [(name: String, tensor: Tensor)], _ directory: String) throws -> Void,
        _ body: (String) throws -> R
    ) throws -> R {
        try withTemporaryDirectory { directory in
            let file = try SafetensorsFile(path: "\(Self.path)/model.safetensors")
            try FileManager.default.copyItem(atPath: "\(Self.path)/config.json", toPath: "\(directory)/config.json")
            try write(try file.names.map { ($0, try file.tensor($0)) }, directory)
            return try body(directory)
        }
    }

    private func writeWhole(
        _ tensors: [(name: String, tensor: Tensor)], _ directory: String, as type: ElementType = .float32
    ) throws {
        try SafetensorsWriter.write(tensors, as: type, to: "\(directory)/model.safetensors")
    }

    @Test func namesMayLackThePrefixAndTheHeadIsNotNeeded() throws {
        try withCopy { tensors, directory in
            let bare = tensors.map { (name: String($0.name.dropFirst("model.".count)), tensor: $0.tensor) }
            try writeWhole(bare + [(name: "lm_head.weight", tensor: Tensor(zeros: [488, 24]))], directory)
        } _: { directory in
            let copy = try TextEncoderDirectory(path: directory)
            try expectAgrees(copy.load(keepsWeights: false))
            #expect(try copy.fingerprint == TextEncoderDirectory(path: Self.path).fingerprint)
        }
    }

    @Test(arguments: [(ElementType.bfloat16, 2e-2), (.float16, 2e-3)], [true, false])
    func narrowWeights(type: (ElementType, error: Double), keepsWeights: Bool) throws {
        try withCopy {
            try writeWhole($0, $1, as: type.0)
        } _: { directory in
            let encoder = try TextEncoderDirectory(path: directory)
            #expect(try encoder.fingerprint != TextEncoderDirectory(path: Self.path).fingerprint)
            let model = try encoder.load(keepsWeights: keepsWeights)
            try expectAgrees(model, Tolerance(relative: type.error, because: "weights were rounded"))
            // The same numbers as float32.
            try withCopy { tensors, other in
                let file = try SafetensorsFile(path: "\(directory)/model.safetensors")
                try writeWhole(try tensors.map { ($0.name, try file.tensor($0.name)) }, other)
            } _: { other in
                let wide = try TextEncoderDirectory(path: other).load(keepsWeights: false)
                let reference = try Reference()
                let rows = try [model, wide].map {
                    try $0(reference.ids, counts: reference.counts, emptyPrompt: .seesNothing)
                }
                expectClose(rows[0], rows[1], .oneOperator)
            }
        }
    }

    @Test func randomWeightsTellTextsApart() throws {
        try withTemporaryDirectory { directory in
            let architecture = try Qwen3Architecture(
                width: 64, feedForwardWidth: 160, depth: 2, heads: 4, keyHeads: 2, headWidth: 16, vocabulary: 300)
            func rows(seed: UInt64, _ ids: [Int]) throws -> [Float] {
                let path = "\(directory)/\(seed)"
                try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
                try architecture.writeRandomWeights(to: "\(path)/model.safetensors", seed: seed)
                let source = try ShardedTensors(directory: path)
                #expect(
                    source.names.map { source.shape(of: $0)!.reduce(1, *) }.reduce(0, +) == architecture.parameterCount)
                let model = try Qwen3(architecture, source: source, keepsWeights: false)
                return try model([ids], counts: [6], emptyPrompt: .seesNothing).values
            }
            // Texts that differ in one token, early and late.
            let rows0 = try rows(seed: 1, [1, 2, 3, 4, 5, 6, 299, 299])
            #expect(relativeError(try rows(seed: 1, [1, 7, 3, 4, 5, 6, 299, 299]), rows0) > 0.2)
            #expect(relativeError(try rows(seed: 1, [1, 2, 3, 4, 5, 8, 299, 299]), rows0) > 0.2)
            #expect(try rows(seed: 1, [1, 2, 3, 4, 5, 6, 299, 299]) == rows0)
            #expect(relativeError(try rows(seed: 2, [1, 2, 3, 4, 5, 6, 299, 299]), rows0) > 1)
        }
    }

    @Test func publishedSizes() throws {
        func architecture(_ sizes: [Int]) throws -> Qwen3Architecture {
            try Qwen3Architecture(
                width: sizes[0], feedForwardWidth: sizes[1], depth: sizes[2], heads: sizes[3], keyHeads: 8,
                headWidth: 128, vocabulary: 151936)
        }
        let large = try architecture([2048, 6144, 28, 16])
        #expect(large.name == "Qwen3-1.7B" && large.parameterCount == 1_720_574_976)
        // 180 G multiply-adds of matmuls by weights, and attention.
        #expect((180e9...183e9).contains(Double(large.multiplyAdds(length: 128))))
        #expect(try architecture([1024, 3072, 28, 16]).parameterCount == 596_049_920)
        #expect(try architecture([100, 30, 28, 16]).name == "Qwen3")
    }
}
