import Foundation
import PixNerdTensors
import PixNerdTestSupport
import Testing

@Suite struct RandomStreamTests {
    private struct KnownAnswer: Decodable {
        let counter: [UInt32]
        let key: [UInt32]
        let output: [UInt32]
    }

    /// The known answers of Salmon et al.
    @Test func philoxKnownAnswers() throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("operators/philox.json")))
        let answers = try JSONDecoder().decode([KnownAnswer].self, from: data)
        #expect(answers.count == 3)
        for answer in answers {
            let words = RandomStream.philox(
                counter: SIMD4(answer.counter[0], answer.counter[1], answer.counter[2], answer.counter[3]),
                key: SIMD2(answer.key[0], answer.key[1]))
            #expect((0..<4).map { words[$0] } == answer.output)
        }
    }

    @Test func normalNumbersHaveTheirMoments() {
        var stream = RandomStream(seed: 3, purpose: .test)
        var values = [Float](repeating: 0, count: 200_001)
        values.withUnsafeMutableBufferPointer { stream.fillNormal($0) }
        let mean = values.reduce(0.0) { $0 + Double($1) } / Double(values.count)
        let variance = values.reduce(0.0) { $0 + Double($1 * $1) } / Double(values.count)
        let fourth = values.reduce(0.0) { $0 + pow(Double($1), 4) } / Double(values.count)
        // Four standard errors: 1 / sqrt(n), sqrt(2 / n), sqrt(96 / n).
        #expect(abs(mean) < 0.009)
        #expect(abs(variance - 1) < 0.013)
        #expect(abs(fourth - 3) < 0.09)
    }

    @Test func streamsDependOnEveryPartOfTheirKey() {
        func first(_ seed: UInt64, _ purpose: RandomPurpose, _ step: Int, _ index: Int) -> UInt32 {
            var stream = RandomStream(seed: seed, purpose: purpose, step: step, index: index)
            return stream.nextWord()
        }
        let words = [
            first(0, .noise, 0, 0), first(1, .noise, 0, 0), first(1 << 40, .noise, 0, 0), first(0, .times, 0, 0),
            first(0, .noise, 1, 0), first(0, .noise, 0, 1),
        ]
        #expect(Set(words).count == words.count)
        #expect(first(7, .noise, 3, 5) == first(7, .noise, 3, 5))
    }

    @Test func permutationsHoldEachNumberOnce() {
        var stream = RandomStream(seed: 5, purpose: .pictureOrder, step: 2)
        let order = stream.permutation(of: 1000)
        #expect(order.sorted() == Array(0..<1000))
        #expect(order != Array(0..<1000))
    }
}
