import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Weights of which a product of two narrow matrices, or some rows, are trained.
@Suite struct LowRankTests {
    @Test func productsAndGradientsAgree() throws {
        let file = try Fixtures.operation("low_rank")
        let base = try file.tensor("base")
        try expectMatches(file, inputs: ["down", "up"]) { inputs in
            let (down, up) = (inputs["down"]!, inputs["up"]!)
            var weight = base
            addLowRank(down: down, up: up, scale: 0.7, to: &weight)
            return lowRankSum(weight, down: down, up: up, scale: 0.7)
        }
    }

    @Test func aProductIsAddedToItsRows() {
        let (down, up) = (Tensor([1, 2], shape: [1, 2, 1, 1]), Tensor([3, 4], shape: [2, 1, 1, 1]))
        var weight = Tensor(zeros: [4, 2, 1, 1])
        let before = weight
        addLowRank(down: down, up: up, scale: 0.5, fromRow: 1, to: &weight)
        #expect(weight.values == [0, 0, 1.5, 3, 2, 4, 0, 0])
        #expect(before.values == [Float](repeating: 0, count: 8))
    }

    @Test func onlyTheRowsKeptApartGetGradients() throws {
        let rows = Parameter(name: "rows", value: Tensor([1, 2, 3, 4], shape: [2, 2]))
        let base = Tensor([9, 9, 9, 9, 9, 9, 9, 9], shape: [4, 2])
        func table() -> Tensor {
            var table = base
            setRows(rows.value, at: [3, 1], of: &table)
            return tableWithRows(table, rows: rows.tensor, at: [3, 1])
        }
        #expect(table().values == [9, 9, 3, 4, 9, 9, 1, 2])
        expectDerivative([rows]) { embedding(table(), indices: [1, 2, 1, 0]) }
        #expect(base.values == [Float](repeating: 9, count: 8))
    }
}
