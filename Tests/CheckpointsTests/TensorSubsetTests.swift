import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Parts of a checkpoint under shorter names.
@Suite struct TensorSubsetTests {
    private func withModel(_ body: (SafetensorsFile) throws -> Void) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/model.safetensors"
            try SafetensorsWriter.write(
                [
                    ("denoiser.a", Tensor([1], shape: [1])), ("ema_denoiser.a", Tensor([2, 3], shape: [2])),
                    ("ema_denoiser.b.c", Tensor([4], shape: [1, 1])),
                ], to: path)
            try body(SafetensorsFile(path: path))
        }
    }

    @Test func namesLoseTheirPrefix() throws {
        try withModel { file in
            let subset = TensorSubset(file, prefix: "ema_denoiser.")
            let tensor = try subset.tensor("a")
            #expect(subset.names == ["a", "b.c"])
            #expect(subset.shape(of: "a") == [2])
            #expect(subset.shape(of: "b.c") == [1, 1])
            #expect(subset.shape(of: "ema_denoiser.a") == nil)
            #expect(tensor.values == [2, 3])
            #expect(TensorSubset(file, prefix: "denoiser.").names == ["a"])
            #expect(TensorSubset(file, prefix: "other.").names == [])
        }
    }

    @Test func anEmptyPrefixIsTheWholeSource() throws {
        try withModel { file in
            let subset = TensorSubset(file, prefix: "")
            #expect(subset.names == file.names)
            #expect(subset.origin == file.path)
        }
    }

    @Test func messagesNameTheSourceAndThePart() throws {
        try withModel { file in
            let subset = TensorSubset(file, prefix: "denoiser.")
            #expect(subset.origin.contains(file.path) && subset.origin.contains("denoiser."))
            let error = #expect(throws: PixNerdError.self) { try subset.tensor("b.c") }
            expectSentence(error?.description ?? "", naming: [file.path, "denoiser.b.c"])
        }
    }
}
