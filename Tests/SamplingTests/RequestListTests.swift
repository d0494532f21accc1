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

@Suite struct WayTests {
    private func request(_ label: Int, _ seed: UInt64, to other: Int, _ target: UInt64, _ share: Float)
        -> PictureRequest
    {
        PictureRequest(
            .label(label), seed: seed, blend: PictureRequest.Blend(.label(other), seed: target, share: share))
    }

    @Test func aWayPassesAllStops() {
        let stops = [(0, 1), (2, 1), (2, 5)].map { PictureRequest(label: $0.0, seed: UInt64($0.1)) }
        #expect(
            RequestList.way(through: stops, steps: 2) == [
                request(0, 1, to: 2, 1, 0), request(0, 1, to: 2, 1, 0.5),
                request(2, 1, to: 2, 5, 0), request(2, 1, to: 2, 5, 0.5), request(2, 1, to: 2, 5, 1),
            ])
    }

    @Test func valuesAreMixedThemselves() {
        let stops = [[10, nil], [20, nil]].map { PictureRequest(Prompt.label(1).with(values: $0), seed: 3) }
        #expect(
            RequestList.way(through: stops, steps: 4).map(\.prompt.values)
                == [10, 12.5, 15, 17.5, 20].map { [$0, nil] })
        let open = [[10, nil], [10, 5]].map { PictureRequest(Prompt.label(1).with(values: $0), seed: 3) }
        #expect(RequestList.way(through: open, steps: 2).map(\.prompt.values) == [[10, nil], [10, nil], [10, nil]])
    }

    @Test func variationsFollowTheirImage() {
        let requests = [PictureRequest(label: 1, seed: .max)]
        #expect(
            RequestList.variations(of: requests, count: 2, share: 0.25)
                == requests + [request(1, .max, to: 1, 0, 0.25), request(1, .max, to: 1, 1, 0.25)])
    }
}
