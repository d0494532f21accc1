import PixNerdCheckpoints
import PixNerdLayers
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdDiffusion

/// Rules of guidance against PyTorch, with velocities that are given.
@Suite struct GuidanceTests {
    private let file: SafetensorsFile
    private let conditional: Tensor
    private let unconditional: Tensor

    init() throws {
        file = try SafetensorsFile(path: Fixtures.path("recipes/guidance.safetensors"))
        conditional = try file.tensor("conditional")
        unconditional = try file.tensor("unconditional")
    }

    /// The given velocity of each image, with a class or without.
    private struct Given: Denoiser {
        let conditional: Tensor
        let unconditional: Tensor
        let channels = 3
        let sizeMultiple: ImageSize = 1
        let parameters: [Parameter] = []

        func velocity(_ x: Tensor, times: [Float], condition: any Condition) -> Tensor {
            let labels = condition.expect(ClassCondition.self, by: "Given").labels
            return Tensor.concatenated(
                labels.indices.map { index in
                    let row = index % conditional.shape[0]
                    return (labels[index] == nil ? unconditional : conditional).rows(row..<row + 1)
                })
        }
    }

    private let labels = ClassCondition([0, 1, 2])
    private let tolerance = Tolerance(relative: 1e-6, because: "a few operations in float32; the sums are in double")

    @Test(arguments: [("plain", Guidance.Rule.plain), ("zero_star", .zeroStar)], [1, 1.5, 4] as [Float])
    func rulesAreThoseOfTheReference(name: (String, Guidance.Rule), scale: Float) throws {
        let guidance = Guidance(scale: scale, rule: name.1)
        let expected = try file.tensor("\(name.0).\(scale)")
        let model = Given(conditional: conditional, unconditional: unconditional)
        let x = Tensor(zeros: conditional.shape)
        expectClose(guidance.velocity(model, x, time: 0.5, condition: labels), expected, tolerance, name.0)
        // A guide that gives the other velocity under the same condition does the same.
        let guide = Given(conditional: unconditional, unconditional: conditional)
        expectClose(
            guidance.velocity(model, guide: guide, x, time: 0.5, condition: labels), expected, tolerance, name.0)
    }

    @Test func factorsAreThoseOfTheReference() throws {
        let factors = zeroStarFactors(unconditional, towards: conditional)
        expectClose(Tensor(factors, shape: [3]), try file.tensor("scale"), tolerance)
        let nothing = Tensor(zeros: conditional.shape)
        #expect(zeroStarFactors(nothing, towards: conditional) == [0, 0, 0])
    }
}
