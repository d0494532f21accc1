import PixNerdDiffusion
import PixNerdSpaces
import Testing

@testable import PixNerdSampling

/// The shapes of sheets for lists of requests.
@Suite struct SheetLayoutTests {
    private func layout(_ requests: [PictureRequest], height: Int = 32, width: Int = 32) -> SheetLayout {
        SheetLayout(requests[...], size: (height, width)) { "class\($0.prompt.label!)" }
    }

    private let prompts = (0..<8).map(Prompt.label)

    private func count(_ count: Int, _ labels: LabelChoice = .balanced) -> SheetLayout {
        layout(RequestList.count(count, prompts: prompts, labels: labels, firstSeed: 0))
    }

    @Test func classesThatTakeTurnsAreRows() {
        let sheet = count(16)
        #expect(sheet.rows.map(\.label) == (0..<8).map { "class\($0)" })
        #expect(sheet.rows.map(\.places) == (0..<8).map { [$0, $0 + 8] })
        // The last round may lack classes.
        #expect(count(19).rows.map(\.places.count) == [3, 3, 3, 2, 2, 2, 2, 2])
        #expect(count(3).rows.map(\.label) == ["class0", "class1", "class2"])
    }

    @Test func listsByClassKeepTheirRows() {
        let each = layout(RequestList.each(prompts: prompts, seeds: [1, 2, 3]))
        #expect(each.rows.map(\.places) == (0..<8).map { [3 * $0, 3 * $0 + 1, 3 * $0 + 2] })
        // A batch may end within a class.
        let cut = SheetLayout(RequestList.each(prompts: prompts, seeds: [1, 2, 3])[4..<9], size: (32, 32)) {
            "class\($0.prompt.label!)"
        }
        #expect(cut.rows.map(\.places) == [[0, 1], [2, 3, 4]])
    }

    @Test func otherListsAreSquares() {
        let random = count(40, .random)
        #expect(random.rows.map(\.places.count) == [7, 7, 7, 7, 7, 5])
        #expect(random.rows.allSatisfy { $0.label == nil })
        #expect(random.rows.flatMap(\.places) == Array(0..<40))
        let many = (0..<1000).map { PictureRequest(label: $0, seed: 0) }
        #expect(layout(many).rows.count == 32)
        // Tall images stand in longer rows.
        #expect(layout(many, height: 128, width: 32).rows.count == 16)
        #expect(layout((0..<500).map { PictureRequest(label: 0, seed: $0) }).rows.count == 22)
    }
}
