import Foundation
import PixNerdTensors

/// Sinusoidal features of diffusion steps, [B, width]: cosines and then sines of `steps` at frequencies from 1 down to
/// almost 1 / 10000.
///
/// Phases reach 999 and are computed in float64: in float32 they would be off by up to 3e-5.
func diffusionStepFeatures(_ steps: [Double], width: Int = 256) -> Tensor {
    let half = width / 2
    let rates = (0..<half).map { exp(-log(10000) * Double($0) / Double(half)) }
    let features = steps.flatMap { step in
        rates.map { Float(cos(step * $0)) } + rates.map { Float(sin(step * $0)) }
    }
    return Tensor(features, shape: [steps.count, width])
}

/// Sinusoidal embeddings of the places of a grid, [1, rows * columns, width], row by row: sines and cosines of the
/// column, then those of the row.
///
/// - Parameters:
///   - rowSpacing: distance of two rows; 1 counts patches.
///   - columnSpacing: distance of two columns.
func gridPositions(
    rows: Int, columns: Int, width: Int, rowSpacing: Double = 1, columnSpacing: Double = 1
) -> Tensor {
    let quarter = width / 4
    let rates = (0..<quarter).map { pow(10000, -Double($0) / Double(quarter)) }
    func features(_ place: Double) -> [Float] {
        rates.map { Float(sin(place * $0)) } + rates.map { Float(cos(place * $0)) }
    }
    let rowFeatures = (0..<rows).map { features(Double($0) * rowSpacing) }
    let columnFeatures = (0..<columns).map { features(Double($0) * columnSpacing) }
    let values = rowFeatures.flatMap { row in columnFeatures.flatMap { $0 + row } }
    return Tensor(values, shape: [1, rows * columns, width])
}
