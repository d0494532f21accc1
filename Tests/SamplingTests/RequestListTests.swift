import PixNerdDiffusion
import PixNerdSampling
import PixNerdSpaces
import Testing

@Suite struct RequestListTests {
    @Test func eachClassWithEachSeedClassByClass() {
        #expect(
            RequestList.each(prompts: [1, 4].map(Prompt.label), seeds: [11, 12])
                == [(1, 11), (1, 12), (4, 11), (4, 12)].map { PictureRequest(label: $0.0, seed: $0.1) })
    }

    @Test func perClassCountsSeedsOn() {
        #expect(
            RequestList.perClass(2, prompts: [3, 0].map(Prompt.label), firstSeed: 7)
                == [(3, 7), (3, 8), (0, 9), (0, 10)].map { PictureRequest(label: $0.0, seed: $0.1) })
    }

    @Test(arguments: LabelChoice.allCases)
    func aSmallerCountIsTheBeginningOfALargerOne(labels: LabelChoice) {
        func list(_ count: Int) -> [PictureRequest] {
            RequestList.count(count, prompts: [5, 6, 9].map(Prompt.label), labels: labels, firstSeed: 2)
        }
        #expect(list(10) == Array(list(100).prefix(10)))
        #expect(list(100).map(\.seed) == Array(2..<102))
        #expect(Set(list(100).map(\.prompt.label)) == [5, 6, 9])
    }

    @Test func balancedLabelsAreEquallyMany() {
        let list = RequestList.count(30, prompts: [5, 6, 9].map(Prompt.label), labels: .balanced, firstSeed: 0)
        for label in [5, 6, 9] { #expect(list.count { $0.prompt.label == label } == 10) }
    }

    @Test func randomLabelsAreNearlyEquallyMany() {
        let list = RequestList.count(9000, prompts: [5, 6, 9].map(Prompt.label), labels: .random, firstSeed: 0)
        // 3000 with a deviation of sqrt(9000 * 2 / 9) = 45.
        for label in [5, 6, 9] { #expect(abs(list.count { $0.prompt.label == label } - 3000) < 200) }
    }
}
