import PixNerdLayers
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// How parameters are cut into buckets, and those into shares of processes.
@Suite struct ParameterSharesTests {
    private static let ends = Tolerance(relative: 1e-6, because: "the last bit where a kernel's vectors end")
    private static let counts = [3, 700, 1, 16, 4099, 250]

    @Test(arguments: [1, 2, 3, 4, 7])
    func eachElementIsOneProcesss(ranks: Int) {
        let layout = ShareLayout(counts: Self.counts, ranks: ranks, usualBucketSize: 900)
        var taken = Self.counts.map { [Int](repeating: 0, count: $0) }
        var sizes: [Int] = []
        for rank in 0..<ranks {
            let pieces = layout.pieces(of: rank)
            // In the order of the parameters, as averages of the first ones need it.
            #expect(pieces.map(\.parameter) == pieces.map(\.parameter).sorted())
            for piece in pieces { for element in piece.range { taken[piece.parameter][element] += 1 } }
            sizes.append((0..<layout.buckets).reduce(0) { $0 + layout.share(of: rank, bucket: $1).count })
        }
        #expect(taken.allSatisfy { $0.allSatisfy { $0 == 1 } })
        #expect(Set(sizes) == [layout.count / ranks])
    }

    @Test func theLastParametersComeFirstAndNothingOverlaps() {
        let layout = ShareLayout(counts: Self.counts, ranks: 3, usualBucketSize: 900)
        let places = zip(layout.offsets, Self.counts).map { $0..<$0 + $1 }.reversed()
        for (one, next) in zip(places, places.dropFirst()) { #expect(one.upperBound <= next.lowerBound) }
        #expect(layout.offsets.allSatisfy { $0 % 16 == 0 })
        #expect(places.last!.upperBound <= layout.count)
        // 5069 elements of about 900 a bucket.
        #expect(layout.buckets == 6)
    }

    /// A small model has several buckets all the same, and a large one none of more than 25 MB.
    @Test func bucketsAreNeitherFewNorLarge() {
        #expect(ShareLayout(counts: [4_000_000], ranks: 2).buckets >= 8)
        let large = ShareLayout(counts: [Int](repeating: 10_000_000, count: 16), ranks: 4)
        #expect(large.bucketSize <= 25 << 18 && large.buckets == 25)
    }

    /// Two optimisers that update a half each do what one does; the ends of vectors are rounded otherwise in the last bit.
    @Test func piecesAreUpdatedAsTheWhole() {
        func values(_ count: Int, _ seed: UInt64) -> Tensor {
            Tensor.normal([1, count]) { _ in RandomStream(seed: seed, purpose: .test) }.reshaped([count])
        }
        func parameters() -> [Parameter] {
            [700, 90].enumerated().map { Parameter(name: "p\($0)", value: values($1, UInt64($0))) }
        }
        let settings = AdamW.Settings(learningRate: 0.01, weightDecay: 0.1)
        let layout = ShareLayout(counts: [700, 90], ranks: 2, usualBucketSize: 300)
        let (whole, shared) = (parameters(), parameters())
        let one = AdamW(whole, settings: settings)
        let halves = (0..<2).map { AdamW(shared, settings: settings, pieces: layout.pieces(of: $0)) }
        let average = MovingAverage(decay: 0.9, startingFrom: [whole[0].value])
        let averages = halves.map { MovingAverage(decay: 0.9, startingFrom: [shared[0].value], pieces: $0.pieces) }
        for step in 0..<3 {
            for (place, parameter) in (whole + shared).enumerated() {
                setGradient(values(parameter.value.count, UInt64(10 * step + place % 2)), of: parameter)
            }
            one.update(averages: [average])
            for (half, average) in zip(halves, averages) { half.update(averages: [average]) }
        }
        for (a, b) in zip(whole, shared) { expectClose(b.value, a.value, Self.ends) }
        var joined = [Float](repeating: .nan, count: 700)
        for (half, average) in zip(halves, averages) {
            for (piece, values) in zip(half.pieces.filter { $0.parameter == 0 }, average.values) {
                joined.replaceSubrange(piece.range, with: values.values)
            }
        }
        expectClose(Tensor(joined, shape: [700]), average.values[0], Self.ends)
    }

    /// An update changes the weight where it lies, and copies nothing.
    @Test func weightsStayInTheirPlace() {
        let parameter = Parameter(name: "p", value: Tensor(repeating: 1, shape: [5000]))
        let before = parameter.value.withUnsafeBuffer { $0.baseAddress }
        let optimizer = AdamW([parameter], settings: AdamW.Settings(learningRate: 0.1))
        setGradient(Tensor(repeating: 1, shape: [5000]), of: parameter)
        optimizer.update()
        #expect(parameter.value.withUnsafeBuffer { $0.baseAddress } == before)
        #expect(abs(parameter.value.values[0] - 0.9) < 1e-6)
    }
}
