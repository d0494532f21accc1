import PixNerdCheckpoints
import PixNerdEvaluation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Numbers of reference implementations; `make_evaluation_fixtures.py` makes them anew.
let reference = Result { try SafetensorsFile(path: Fixtures.path("evaluation/measures.safetensors")) }

func expected(_ name: String) throws -> [Double] { try reference.get().elements(of: name).doubles() }

func tensor(_ name: String) throws -> Tensor { try reference.get().tensor(name) }

/// Fails unless two numbers are near each other, relative to the expected one.
func expectNear(
    _ actual: Double, _ expected: Double, relative: Double, because reason: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    guard !(abs(actual - expected) <= relative * abs(expected)) else { return }
    Issue.record(
        "\(actual), expected \(expected): not within \(relative) (\(reason))", sourceLocation: sourceLocation)
}

/// The pictures that `formula_pictures` makes.
func pictureBatch(_ count: Int, _ height: Int, _ width: Int, kind: Int) -> PixelBatch {
    PixelBatch(
        count: count, height: height, width: width,
        pixels: formulaPictures(count, height, width, kind: kind))
}
