import PixNerdTensors

/// A weight of a model that follows from a start and from smaller parameters, which are trained in its place.
protocol WeightLink: AnyObject {
    /// The weight, whose gradients go to `parameters`.
    var weight: Parameter { get }
    /// The trained parameters.
    var parameters: [Parameter] { get }

    /// The weight for some values of the trained parameters.
    func value(_ values: [Tensor]) -> Tensor

    /// The values of the trained parameters that a saved weight has; nil if it does not tell them.
    func values(of saved: Tensor) -> [Tensor]?

    /// Prepares the weight for a step.
    ///
    /// - Parameter step: number of the step, from 0.
    func begin(step: Int)

    /// Takes back what `begin` prepared, before the trained parameters are applied.
    func end()
}

extension WeightLink {
    func begin(step: Int) {}
    func end() {}

    /// Gives the weight the value that follows from the trained parameters.
    func apply() {
        let value = value(parameters.map(\.value))
        weight.modify { $0 = value }
    }
}

/// Some rows of a table that are trained, while all others keep every bit.
final class RowsLink: WeightLink {
    let weight: Parameter
    let parameters: [Parameter]
    private let start: Tensor
    private let places: [Int]

    init(_ table: Parameter, places: [Int]) {
        weight = table
        start = table.value
        self.places = places
        let rows = Parameter(name: "\(table.name).new", value: embedding(table.value, indices: places))
        parameters = [rows]
        table.training = .through { tableWithRows($0, rows: rows.tensor, at: places) }
    }

    func value(_ values: [Tensor]) -> Tensor {
        var table = start
        setRows(values[0], at: places, of: &table)
        return table
    }

    func values(of saved: Tensor) -> [Tensor]? { [embedding(saved, indices: places)] }
}

/// A matrix to which a product of two narrow ones is added (LoRA; Hu et al., arXiv 2106.09685).
///
/// Computed as the sum, so that every operator that reads the matrix works as without the product.
final class LowRankLink: WeightLink {
    let weight: Parameter
    let parameters: [Parameter]
    /// alpha / rank
    private let scale: Float
    private let start: Tensor
    private let dropout: InputDropout

    /// The dropout of the inputs of a product, which is the same for all images of a step.
    private final class InputDropout: Sendable {
        let rate: Float
        let streams: @Sendable (_ step: Int) -> RandomStream
        /// The step that is computed; nil outside of steps.
        nonisolated(unsafe) var step: Int?

        init(rate: Float, _ streams: @escaping @Sendable (_ step: Int) -> RandomStream) {
            (self.rate, self.streams) = (rate, streams)
        }

        /// The narrow matrix with the columns of dropped inputs at zero.
        func applied(to down: Tensor) -> Tensor {
            guard rate > 0, let step else { return down }
            // Each row has the same random numbers.
            return PixNerdTensors.dropout(down, DropoutMask(rate: rate) { [streams] _ in streams(step) })
        }
    }

    /// - Parameters:
    ///   - place: place of the layer among all, which its random numbers depend on.
    ///   - index: number of the first of its random streams for initial values.
    init(_ weight: Parameter, _ section: Configuration.LoRASection, seed: UInt64, place: Int, index: Int) {
        self.weight = weight
        start = weight.value
        scale = section.alpha / Float(section.rank)
        let (outputs, inputs) = (weight.value.shape[0], weight.value.shape[1])
        let name = weight.name.hasSuffix(".weight") ? String(weight.name.dropLast(".weight".count)) : weight.name
        // As peft's "gaussian": a deviation of 1 / rank, and no effect at first.
        let noise = Tensor.normal([section.rank, inputs]) {
            RandomStream(seed: seed, purpose: .initialization, step: $0 + 1, index: index)
        }
        let down = Parameter(name: "\(name).lora_A.weight", value: scaled(noise, by: 1 / Float(section.rank)))
        let up = Parameter(name: "\(name).lora_B.weight", value: Tensor(zeros: [outputs, section.rank]))
        parameters = [down, up]
        let dropout = InputDropout(rate: section.dropout) { step in
            RandomStream(seed: seed, purpose: .adapterDropout, step: step, index: place)
        }
        self.dropout = dropout
        weight.training = .through { [scale] value in
            lowRankSum(value, down: dropout.applied(to: down.tensor), up: up.tensor, scale: scale)
        }
    }

    func value(_ values: [Tensor]) -> Tensor {
        var sum = start
        addLowRank(down: dropout.applied(to: values[0]), up: values[1], scale: scale, to: &sum)
        return sum
    }

    func values(of saved: Tensor) -> [Tensor]? { nil }

    func begin(step: Int) {
        guard dropout.rate > 0 else { return }
        dropout.step = step
        apply()
    }

    func end() { dropout.step = nil }
}
