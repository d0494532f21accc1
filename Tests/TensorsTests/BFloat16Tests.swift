import CPixNerdKernels
import Foundation
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Operators in bf16 beside float32, and what is rounded where.
@Suite(.whereBFloat16IsHad)
struct BFloat16Tests {
    /// Rounding of all factors to 8 bits; sums are float32.
    static let rounded = Tolerance(
        relative: 1e-2, because: "factors are rounded by up to 2^-9 of their size, a few times one after another")

    func parameter(_ name: String, _ shape: [Int], scale: Float = 1, index: Int) -> Parameter {
        var stream = RandomStream(seed: 3, purpose: .test, index: index)
        var values = Tensor(uninitialized: shape)
        values.withUnsafeMutableBuffer { stream.fillNormal($0) }
        return Parameter(name: name, value: scaled(values, by: scale))
    }

    private struct Result {
        let out: Tensor
        let gradients: [Tensor]
    }

    /// The result of an operator and its gradients by all parameters, from `passes` passes that add up.
    private func result(
        _ precision: Precision, _ parameters: [Parameter], passes: Int = 1, upstream: Tensor? = nil,
        rounds: Bool = false, _ body: () -> Tensor
    ) throws -> Result {
        for parameter in parameters { parameter.clearGradient() }
        return try precision {
            let out = body()
            let upstream = upstream ?? self.parameter("upstream", out.shape, index: 99).value
            for _ in 0..<passes { withGradient(upstream: upstream, observer: nil, rounds: rounds, body) }
            return Result(out: out, gradients: try parameters.map { try #require($0.gradient).copied() })
        }
    }

    func expectClose(
        _ parameters: [Parameter], passes: Int = 1, rounds: Bool = false, _ body: () -> Tensor
    ) throws {
        let exact = try result(.fp32, parameters, passes: passes, body)
        let rounded = try result(.bf16, parameters, passes: passes, rounds: rounds, body)
        PixNerdTestSupport.expectClose(rounded.out, exact.out, Self.rounded, "out")
        #expect(rounded.out.values != exact.out.values, "nothing was rounded")
        for (parameter, (a, b)) in zip(parameters, zip(rounded.gradients, exact.gradients)) {
            PixNerdTestSupport.expectClose(a, b, Self.rounded, parameter.name)
        }
    }

    /// The value of the nearest number with 8 bits, by arithmetic.
    private func nearest(_ x: Float) -> Float {
        guard x.isFinite, x != 0 else { return x }
        let unit = Float(sign: .plus, exponent: max(x.exponent, -126) - 7, significand: 1)
        let steps = (x / unit).rounded(.toNearestOrEven)
        return steps * unit
    }

    @Test func roundingIsToTheNearestAndToEven() {
        var stream = RandomStream(seed: 1, purpose: .test)
        var values: [Float] = [
            0, -0.0, 1, 1.00390625, 1.01171875, -1.00390625, 3.4e38, .infinity, -.infinity,
            Float.leastNormalMagnitude / 8,
        ]
        values += (0..<500).map { _ in Float(bitPattern: stream.nextWord()) }
            .filter { !$0.isNaN && $0.magnitude < 3e38 && $0.magnitude > 1e-30 }
        var bits = [UInt16](repeating: 0, count: values.count)
        var back = [Float](repeating: 0, count: values.count)
        pn_round_to_bfloat16(values.count, values, &bits)
        pn_bfloat16_to_float(values.count, bits, &back)
        for (value, found) in zip(values, back) where value.magnitude < 3e38 {
            #expect(found == nearest(value), "\(value)")
        }
        #expect(back[6] == .infinity && back[7] == .infinity && back[8] == -.infinity)
        // In place, and what is not a number.
        var inPlace = values + [.nan, Float(bitPattern: 0x7f80_0001), Float(bitPattern: 0xffff_ffff)]
        inPlace.withUnsafeMutableBufferPointer { memory in
            pn_round_to_bfloat16(memory.count, memory.baseAddress, memory.baseAddress)
            let found = UnsafeRawPointer(memory.baseAddress!).assumingMemoryBound(to: UInt16.self)
            #expect(bits.indices.allSatisfy { found[$0] == bits[$0] })
            for i in bits.count..<memory.count { #expect(Float(bitPattern: UInt32(found[i]) << 16).isNaN) }
        }
    }

    /// Products of rounded factors are those of float32: only the order of sums differs.
    @Test func linearLayersTakeRoundedFactors() throws {
        let (x, weight) = (parameter("x", [70, 96], index: 0), parameter("weight", [80, 96], index: 1))
        let bias = parameter("bias", [80], index: 2)
        let upstream = parameter("upstream", [70, 80], index: 3).value
        func exact(_ tensor: Tensor) -> Tensor { Tensor(tensor.values.map(nearest), shape: tensor.shape) }
        let body = { linear(x.tensor, weight: weight.tensor, bias: bias.tensor) }
        let found = try result(.bf16, [x, weight, bias], upstream: upstream, body)
        let sum = try result(.fp32, [bias], upstream: upstream, body)
        (x.value, weight.value) = (exact(x.value), exact(weight.value))
        let expected = try result(.fp32, [x, weight], upstream: exact(upstream), body)
        PixNerdTestSupport.expectClose(found.out, expected.out, .oneOperator)
        PixNerdTestSupport.expectClose(found.gradients[0], expected.gradients[0], .oneOperator)
        PixNerdTestSupport.expectClose(found.gradients[1], expected.gradients[1], .oneOperator)
        #expect(found.gradients[2].values == sum.gradients[0].values, "the bias is summed in float32")
    }

    /// Weights that no gradient is wanted of are packed: sizes that do not fill tiles, panels, vectors or pairs, and more
    /// than one block of each side.
    @Test(arguments: [
        [16, 64, 256], [17, 65, 257], [70, 200, 63], [23, 16, 1537], [40, 130, 3073], [1100, 70, 1201],
    ])
    func packedWeights(sizes: [Int]) throws {
        let (rows, outputs, inputs) = (sizes[0], sizes[1], sizes[2])
        let (x, weight) = (parameter("x", [rows, inputs], index: 0), parameter("weight", [outputs, inputs], index: 1))
        let (bias, residual) = (parameter("bias", [outputs], index: 2), parameter("r", [rows, outputs], index: 3))
        func exact(_ tensor: Tensor) -> Tensor { Tensor(tensor.values.map(nearest), shape: tensor.shape) }
        func results(_ x: Tensor, _ weight: Tensor) -> [Tensor] {
            [
                linear(x, weight: weight), linear(x, weight: weight, bias: bias.value),
                linear(addedTo: residual.value, x, weight: weight, bias: bias.value),
            ]
        }
        let found = try Precision.bf16 { results(x.value, weight.value) }
        for (a, b) in zip(found, results(exact(x.value), exact(weight.value))) {
            PixNerdTestSupport.expectClose(a, b, .oneOperator)
        }
        // Recorded, and on other processors, the same products are oneDNN's.
        let recorded = try Precision.bf16 { withGradient { linear(x.value, weight: weight.tensor, bias: bias.value) } }
        PixNerdTestSupport.expectClose(found[1], recorded, .oneOperator)
        let unpacked = try Precision.bf16 {
            Precision.$packsWeights.withValue(false) { results(x.value, weight.value) }
        }
        for (a, b) in zip(found, unpacked) { PixNerdTestSupport.expectClose(a, b, .oneOperator) }
    }

    /// Without gradients the gated layers keep no float32 matrices, and give the same.
    @Test func packedGatedLayers() throws {
        let x = parameter("x", [3, 30, 72], index: 0)
        let weights = [[200, 72], [200, 72], [72, 200]].enumerated().map { index, shape in
            parameter("w\(index)", shape, scale: 0.1, index: 1 + index)
        }
        func layers(_ weights: [Tensor]) -> Tensor {
            swiGLU(x.value, gateWeight: weights[0], valueWeight: weights[1], outputWeight: weights[2])
        }
        let found = try Precision.bf16 { layers(weights.map(\.value)) }
        let recorded = try Precision.bf16 { withGradient { layers(weights.map(\.tensor)) } }
        let unpacked = try Precision.bf16 { Precision.$packsWeights.withValue(false) { layers(weights.map(\.value)) } }
        // A last bit of a sum may round the product of gate and value the other way.
        for other in [recorded, unpacked] { PixNerdTestSupport.expectClose(found, other, Self.rounded) }
    }

    @Test func gatedLayers() throws {
        let parameters = [
            parameter("x", [2, 40, 64], index: 0), parameter("w1", [96, 64], scale: 0.1, index: 1),
            parameter("w3", [96, 64], scale: 0.1, index: 2), parameter("w2", [64, 96], scale: 0.1, index: 3),
        ]
        try expectClose(parameters) {
            let values = parameters.map(\.tensor)
            return swiGLU(values[0], gateWeight: values[1], valueWeight: values[2], outputWeight: values[3])
        }
    }

    @Test(arguments: [false, true])
    func attention(isRotary: Bool) throws {
        let (heads, headWidth, rows, columns) = (2, 64, 9, 8)
        let qkv = parameter("qkv", [2, rows * columns, 3 * heads * headWidth], index: 0)
        let norms = (1...2).map { parameter("norm", [headWidth], index: $0) }
        let table = rotaryTable(headWidth: headWidth, rows: rows, columns: columns)
        try expectClose(isRotary ? [qkv] + norms : [qkv]) {
            guard isRotary else { return PixNerdTensors.attention(qkv.tensor, heads: heads) }
            return rotaryAttention(
                qkv.tensor, queryNorm: norms[0].tensor, keyNorm: norms[1].tensor, heads: heads, table: table)
        }
    }

    /// With products of patches that are rounded, and with such that are too small for it.
    @Test(arguments: [(16, 8, 64), (32, 4, 32)], [true, false])
    func field(sizes: (patches: Int, side: Int, width: Int), isNormalized: Bool) throws {
        let (patches, side, width) = sizes
        let weightCount = 4 * width * width
        let parameters = [
            parameter("pixels", [patches, side * side, 3], index: 0), parameter("tokens", [patches, 64], index: 1),
            parameter("generator 1", [weightCount, 64], scale: 0.1, index: 2),
            parameter("generator bias 1", [weightCount], index: 3),
            parameter("generator 2", [weightCount, 64], scale: 0.1, index: 4),
            parameter("generator bias 2", [weightCount], index: 5),
            parameter("embedder", [width, 3 + 64], index: 6), parameter("embedder bias", [width], index: 7),
            parameter("norm 1", [width], index: 8), parameter("norm 2", [width], index: 9),
            parameter("final", [3, width], index: 11), parameter("final bias", [3], index: 12),
        ]
        let finalNorm = parameter("final norm", [width], index: 10)
        let positions = fieldPositions(height: side, width: side)
        func field(_ values: [Tensor]) -> Tensor {
            neuralField(
                values[0], positions: positions, tokens: values[1],
                generators: [
                    FieldGenerator(weight: values[2], bias: values[3]),
                    FieldGenerator(weight: values[4], bias: values[5]),
                ],
                weights: NeuralFieldWeights(
                    embedderWeight: values[6], embedderBias: values[7], norms: [values[8], values[9]],
                    finalNorm: isNormalized ? finalNorm.tensor : nil, finalWeight: values[10], finalBias: values[11],
                    normalizesSecond: isNormalized))
        }
        for packs in [true, false] where !packs || Precision.packsWeights {
            try Precision.$packsWeights.withValue(packs) {
                try expectClose(parameters + (isNormalized ? [finalNorm] : [])) { field(parameters.map(\.tensor)) }
            }
        }
    }

    /// The rounded value of a weight lies where its gradient will: used twice, in a block that is computed again, and in
    /// passes that add up, it must be the weight all the same.
    @Test(arguments: [
        (false, 1, false), (false, 2, false), (true, 1, false), (true, 2, false), (true, 2, true), (false, 1, true),
    ])
    func weightsThatAreReadAgain(recomputes: Bool, passes: Int, rounds: Bool) throws {
        let weight = parameter("weight", [64, 64], scale: 0.125, index: 0)
        let (x, modulation) = (parameter("x", [2, 64, 64], index: 1), parameter("modulation", [2, 6 * 64], index: 2))
        let norm = parameter("norm", [64], index: 3)
        func block(_ inputs: [Tensor]) -> Tensor {
            let fed = modulatedRMSNorm(
                inputs[0], weight: norm.tensor, modulation: inputs[1], shift: .attentionShift, scale: .attentionScale)
            let y = linear(silu(linear(fed, weight: weight.tensor)), weight: weight.tensor)
            return gatedResidual(inputs[0], y, modulation: inputs[1], gate: .attentionGate)
        }
        try expectClose([weight, x, modulation, norm], passes: passes, rounds: rounds) {
            let inputs = [x.tensor, modulation.tensor]
            return recomputes ? recomputed(inputs, block) : block(inputs)
        }
    }

    /// Gradients of weights are kept as bf16 where that is asked for: those of a linear layer, of one with few rows, and of
    /// the gated layers. What is added to one is added in float32.
    @Test(arguments: [4, 70])
    func gradientsThatAreKeptRounded(rows: Int) throws {
        let parameters = [
            parameter("x", [rows, 64], index: 0), parameter("w1", [96, 64], scale: 0.1, index: 1),
            parameter("w3", [96, 64], scale: 0.1, index: 2), parameter("w2", [64, 96], scale: 0.1, index: 3),
            parameter("bias", [64], index: 4), parameter("weight", [64, 64], scale: 0.1, index: 5),
        ]
        let body = {
            let values = parameters.map(\.tensor)
            let y = swiGLU(values[0], gateWeight: values[1], valueWeight: values[2], outputWeight: values[3])
            return linear(y, weight: values[5], bias: values[4])
        }
        let whole = try result(.bf16, parameters, body)
        let found = try result(.bf16, parameters, rounds: true, body)
        for (place, parameter) in parameters.enumerated() {
            let isWeight = parameter.name.hasPrefix("w")
            switch parameter.storedGradient {
            case .bfloat16: #expect(isWeight, "\(parameter.name)")
            default: #expect(!isWeight, "\(parameter.name)")
            }
            let expected = whole.gradients[place].values
            #expect(found.gradients[place].values == (isWeight ? expected.map(nearest) : expected), "\(parameter.name)")
        }
        let twice = try result(.bf16, parameters, passes: 2, rounds: true, body)
        for (place, parameter) in parameters.enumerated() {
            if case .bfloat16 = parameter.storedGradient { Issue.record("\(parameter.name) was added to in bf16") }
            let expected = zip(found.gradients[place].values, whole.gradients[place].values).map { $0 + $1 }
            PixNerdTestSupport.expectClose(
                twice.gradients[place], Tensor(expected, shape: parameter.value.shape), .oneOperator, parameter.name)
        }
    }

    /// A weight that has changed is rounded anew.
    @Test func changedWeightsAreSeen() throws {
        var weight = parameter("weight", [64, 64], index: 0).value
        let x = parameter("x", [64, 64], index: 1).value
        try Precision.bf16 {
            let before = linear(x, weight: weight).values
            weight.withUnsafeMutableBuffer { for i in $0.indices { $0[i] *= 2 } }
            #expect(linear(x, weight: weight).values == before.map { 2 * $0 })
        }
        let trained = Parameter(name: "weight", value: weight)
        try Precision.bf16 {
            let before = withGradient { linear(x, weight: trained.tensor) }.values
            trained.clearGradient()
            trained.value = scaled(trained.value, by: 2)
            #expect(withGradient { linear(x, weight: trained.tensor) }.values == before.map { 2 * $0 })
        }
    }

    /// Products with few rows wait for memory, whatever the precision.
    @Test func smallProductsStayFloat32() throws {
        let (x, weight) = (parameter("x", [4, 300], index: 0).value, parameter("weight", [900, 300], index: 1).value)
        #expect(try Precision.bf16 { linear(x, weight: weight).values } == linear(x, weight: weight).values)
    }
}
