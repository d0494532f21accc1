import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// All images in one array, in a file that evaluation programs read.
///
/// Finished batches are kept beside it until it is written.
struct SampleArray: SampleOutput {
    enum Kind: Equatable {
        /// `.npz`: `arr_0` as [N, H, W, C] of the format's type (uint8 for most images) and `arr_1` as int64 labels [N] (for texts, the place of
        /// each among the different prompts), the rows in an order drawn from the
        /// seed, so that consecutive splits mix classes.
        case levels(rowOrderSeed: UInt64)
        /// `.safetensors`: `samples` as float32 [N, C, H, W] before rounding, with `labels` and `seeds`, in the order
        /// of the requests.
        case floats
    }

    private let plan: SamplePlan
    private let kind: Kind
    private let manifest: SampleManifest
    private var parts: SampleParts
    var kept: Int { parts.kept }

    init(_ plan: SamplePlan, kind: Kind) throws {
        self.plan = plan
        self.kind = kind
        var manifest = plan.manifest
        switch kind {
        case .levels(let seed):
            manifest.rowOrderSeed = seed
            manifest.pictures = Self.rowOrder(plan.requests.count, seed: seed).map { plan.entry(plan.requests[$0]) }
        case .floats:
            manifest.rounding = nil
            manifest.pictures = plan.requests.map { plan.entry($0) }
        }
        self.manifest = manifest
        try plan.expectFile()
        parts = try SampleParts(plan, manifest)
    }

    func holds(_ requests: Range<Int>) -> Bool { parts.holds(requests) }

    mutating func write(_ pixels: Tensor, first: Int) throws {
        switch kind {
        case .floats: try parts.write(floats: pixels, first: first)
        case .levels: try parts.write(stored: pixels, first: first)
        }
    }

    mutating func finish() throws {
        switch kind {
        case .floats: try writeFloats()
        case .levels(let seed): try writeLevels(Self.rowOrder(plan.requests.count, seed: seed))
        }
        try manifest.write(to: plan.manifestPath)
        parts.remove()
    }

    func stop() -> KeptSamples { parts.stop() }

    private static func rowOrder(_ count: Int, seed: UInt64) -> [Int] {
        var stream = RandomStream(seed: seed, purpose: .rowOrder)
        return stream.permutation(of: count)
    }

    private func writeFloats() throws {
        let size = plan.manifest.provenance
        let parts = try parts.open(.float32, shape: [plan.format.channelCount, size.height, size.width])
        let count = plan.requests.count
        let seeds = plan.requests.map { Int(truncatingIfNeeded: $0.seed) }
        try SafetensorsWriter.write(
            [
                SafetensorsWriter.Item(
                    name: "samples", type: .float32, shape: [count] + parts[0].shape.dropFirst()
                ) { write in
                    for part in parts { try part.withUnsafeBytes(write) }
                },
                SafetensorsWriter.Item(name: "labels", shape: [count], values: plan.numbers),
                SafetensorsWriter.Item(name: "seeds", shape: [count], values: seeds),
            ], metadata: ["manifest": String(decoding: try SampleManifest.encoder.encode(manifest), as: UTF8.self)],
            to: plan.path)
    }

    private func writeLevels(_ order: [Int]) throws {
        let size = plan.manifest.provenance
        let type = plan.format.element.elementType
        let parts = try parts.open(type, shape: [size.height, size.width, plan.format.channelCount])
        let rowBytes = parts[0].shape.dropFirst().reduce(type.size, *)
        let file = try NpzWriter(
            path: plan.path,
            arrays: [
                NpzWriter.Array("arr_0", type, [order.count] + parts[0].shape.dropFirst()),
                NpzWriter.Array("arr_1", .int64, [order.count]),
            ])
        for row in order {
            try parts[row / plan.batch].withUnsafeBytes { bytes in
                let start = row % plan.batch * rowBytes
                try file.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowBytes]))
            }
        }
        let numbers = plan.numbers
        try file.append(order.map { Int64(numbers[$0]) })
        try file.finish()
    }
}
