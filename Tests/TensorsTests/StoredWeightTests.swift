import Foundation
import PixNerdTestSupport
import Testing

@testable import PixNerdTensors

/// Matmuls by weights as files store them are those by the same weights as tensors.
@Suite struct StoredWeightTests {
    enum Kind: String, CaseIterable { case float32, float16, bfloat16 }

    /// A weight in memory that begins at an odd address if asked, and the same numbers as a tensor.
    private func weight(_ kind: Kind, _ shape: [Int], isAligned: Bool) -> (StoredWeight, Tensor) {
        let normal = Tensor.normal(shape) { RandomStream(seed: 5, purpose: .test, index: $0) }
        var bytes = Data(isAligned ? [] : [7])
        var values: [Float] = []
        for value in normal.values {
            switch kind {
            case .float32:
                withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
                values.append(value)
            case .float16:
                // A multiple of 1/64 is exact, and so is its pattern: sign, exponent and fraction cut from float32.
                let rounded = max(-2, min(2, (value * 64).rounded() / 64))
                let bits = rounded.bitPattern
                let half =
                    rounded == 0
                    ? 0 : UInt16((bits >> 16) & 0x8000) | UInt16(((bits & 0x7fff_ffff) - 0x3800_0000) >> 13)
                withUnsafeBytes(of: half) { bytes.append(contentsOf: $0) }
                values.append(rounded == 0 ? 0 : rounded)
            case .bfloat16:
                let bits = UInt16(value.bitPattern >> 16)
                withUnsafeBytes(of: bits) { bytes.append(contentsOf: $0) }
                values.append(Float(bitPattern: UInt32(bits) << 16))
            }
        }
        let memory = bytes as NSData
        let numbers = UnsafeRawBufferPointer(
            rebasing: UnsafeRawBufferPointer(start: memory.bytes, count: memory.length)[(isAligned ? 0 : 1)...])
        let stored: StoredWeight.Kind =
            switch kind {
            case .float32: .float32
            case .float16: .float16
            case .bfloat16: .bfloat16
            }
        return (StoredWeight(numbers, kind: stored, shape: shape, owner: memory), Tensor(values, shape: shape))
    }

    private func input(_ shape: [Int]) -> Tensor {
        Tensor.normal(shape) { RandomStream(seed: 6, purpose: .test, index: $0) }
    }

    /// Sizes of one band and of several, none of them a multiple of anything.
    @Test(arguments: Kind.allCases, [true, false])
    func products(kind: Kind, isAligned: Bool) {
        for (rows, outputs, inputs) in [(3, 5, 7), (130, 2003, 515)] {
            let (stored, tensor) = weight(kind, [outputs, inputs], isAligned: isAligned)
            let x = input([2, rows, inputs])
            expectClose(linear(x, weight: stored), linear(x, weight: tensor), .oneOperator, "\(rows) rows")
        }
    }

    @Test(.whereBFloat16IsHad, arguments: Kind.allCases, [true, false])
    func productsInBFloat16(kind: Kind, isAligned: Bool) throws {
        let (stored, tensor) = weight(kind, [403, 515], isAligned: isAligned)
        let x = input([66, 515])
        for packs in [false, canPack] {
            let out = try Precision.bf16 { Precision.$packsWeights.withValue(packs) { linear(x, weight: stored) } }
            // Both round to bf16 and sum in float32.
            expectClose(out, try Precision.bf16 { linear(x, weight: tensor) }, .oneOperator, "packed: \(packs)")
            #expect(relativeError(out.values, linear(x, weight: tensor).values) > 1e-4, "it was computed in float32")
        }
    }

    private var canPack: Bool { Precision.packsWeights }
}
