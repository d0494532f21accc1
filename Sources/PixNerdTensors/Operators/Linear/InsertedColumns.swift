/// A matrix [R, A + B] with other columns [R, J] between its first A and its last B ones: [R, A + J + B].
///
/// - Parameter place: number A of the columns before the others.
public func insertedColumns(_ matrix: Tensor, _ columns: Tensor, at place: Int) -> Tensor {
    precondition(
        matrix.shape.count == 2 && columns.shape.count == 2 && matrix.shape[0] == columns.shape[0]
            && (0...matrix.shape[1]).contains(place),
        "insertedColumns: \(columns.shape) do not fit \(matrix.shape) at \(place)")
    OperatorProfile.begin("insertedColumns")
    defer { OperatorProfile.end() }
    let (rows, own, others) = (matrix.shape[0], matrix.shape[1], columns.shape[1])
    let whole = own + others
    let out = Tensor(uninitialized: [rows, whole])
    for row in 0..<rows {
        let target = out.storage.pointer + row * whole
        target.update(from: matrix.pointer + row * own, count: place)
        (target + place).update(from: columns.pointer + row * others, count: others)
        (target + place + others).update(from: matrix.pointer + row * own + place, count: own - place)
    }
    return Tape.record("insertedColumns", out, from: [matrix, columns]) { upstream in
        let (forMatrix, forColumns) = (
            Tensor(uninitialized: matrix.shape), Tensor(uninitialized: columns.shape)
        )
        for row in 0..<rows {
            let source = upstream.pointer + row * whole
            (forMatrix.storage.pointer + row * own).update(from: source, count: place)
            (forColumns.storage.pointer + row * others).update(from: source + place, count: others)
            (forMatrix.storage.pointer + row * own + place).update(
                from: source + place + others, count: own - place)
        }
        matrix.node?.add(forMatrix)
        columns.node?.add(forColumns)
    }
}
