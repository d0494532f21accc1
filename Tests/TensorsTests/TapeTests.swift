import PixNerdTensors
import PixNerdTestSupport
import Testing

@Suite struct TapeTests {
    private let weight = Parameter(name: "weight", value: Tensor([0.3, -0.2, 0.5, 0.7], shape: [2, 2]))
    private let input = Tensor([1, 2, 3, 4], shape: [2, 2])

    private func layers() -> Tensor { silu(linear(silu(linear(input, weight: weight.tensor)), weight: weight.tensor)) }

    @Test func nothingIsRecordedOutside() {
        #expect(layers().node == nil)
    }

    @Test func gradientsAddUpUntilCleared() throws {
        withGradient { layers() }
        let once = try #require(weight.gradient).values
        withGradient { layers() }
        #expect(weight.gradient?.values == once.map { 2 * $0 })
        weight.clearGradient()
        #expect(weight.gradient == nil)
        withGradient { layers() }
        #expect(weight.gradient?.values == once)
    }

    @Test func recomputationGivesTheSameBits() throws {
        let bias = Parameter(name: "bias", value: Tensor([0.1, 0.2], shape: [2]))
        func model(_ recompute: Bool) -> Tensor {
            let x = linear(input, weight: weight.tensor, bias: bias.tensor)
            let block: ([Tensor]) -> Tensor = { [weight] in silu(linear($0[0], weight: weight.tensor)) }
            return recompute ? recomputed([x], block) : block([x])
        }
        let plain = withGradient { model(false) }
        let expected = try [#require(weight.gradient).values, #require(bias.gradient).values]
        weight.clearGradient()
        bias.clearGradient()
        let again = withGradient { model(true) }
        #expect(again.values == plain.values)
        #expect(try [#require(weight.gradient).values, #require(bias.gradient).values] == expected)
    }

    @Test func writingCopiesSharedMemory() {
        var a = Tensor([1, 2], shape: [2])
        let b = a
        a.withUnsafeMutableBuffer { $0[0] = 9 }
        #expect(a.values == [9, 2])
        #expect(b.values == [1, 2])
    }

    @Test func shapesThatDoNotFitTrap() async {
        await #expect(processExitsWith: .failure) {
            _ = linear(Tensor(zeros: [2, 3]), weight: Tensor(zeros: [4, 5]))
        }
    }

    @Test func blocksAreUsedAgain() {
        let pool = MemoryPool()
        let first = pool.take(bytes: 100_000)
        pool.give(first.0, size: first.size)
        let second = pool.take(bytes: 99_000)
        #expect(first.0 == second.0)
        #expect(pool.statistics.systemAllocations == 1)
        #expect(pool.statistics.bytesInUse == second.size)
        pool.give(second.0, size: second.size)
        #expect(pool.statistics.bytesKept == second.size)
        pool.releaseKept()
        #expect(pool.statistics.bytesKept == 0)
    }

    @Test(arguments: [1, 512, 513, 5000, 1 << 20, (1 << 20) + 1, 123_456_789])
    func blockSizesWasteAtMostAnEighth(bytes: Int) {
        let size = MemoryPool.blockSize(for: bytes)
        #expect(size >= bytes)
        #expect(bytes <= 512 || Double(size) <= 1.126 * Double(bytes))
        #expect(MemoryPool.blockSize(for: size) == size)
    }
}
