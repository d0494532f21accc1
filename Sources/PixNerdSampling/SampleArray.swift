import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors

/// All images in one array, in a file that evaluation programs read.
///
/// Batches are kept in a folder beside the output until all are finished, so that an interrupted job can resume.
struct SampleArray: SampleOutput {
    enum Kind: Equatable {
        /// `.npz`: `arr_0` as uint8 [N, H, W, 3] and `arr_1` as int64 labels [N], the rows in an order drawn from the
        /// seed, so that consecutive splits mix classes.
        case levels(rowOrderSeed: UInt64)
        /// `.safetensors`: `samples` as float32 [N, 3, H, W] before rounding, with `labels` and `seeds`, in the order
        /// of the requests.
        case floats
    }

    private let plan: SamplePlan
    private let kind: Kind
    private let manifest: SampleManifest
    private var isThere: [Bool]
    let kept: Int

    private static let name = "pictures"
    private var parts: String { "\(plan.path).parts" }
    private func part(first: Int) -> String { "\(parts)/\(first.zeroPadded(to: 8)).safetensors" }

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
        try plan.expectFree([plan.path, plan.manifestPath])
        let parts = "\(plan.path).parts"
        let manifestPath = "\(parts)/manifest.json"
        if FileManager.default.fileExists(atPath: parts) {
            if plan.overwrites {
                try FileManager.default.removeItem(atPath: parts)
            } else {
                let earlier = try SampleManifest(path: manifestPath)
                try manifest.expectSameProvenance(as: earlier, in: parts)
                guard earlier.pictures == manifest.pictures else {
                    throw PixNerdError(
                        .alreadyExists, "\(parts)", found: "holds a part of other images than the requested ones",
                        advice: "request those, remove it, or overwrite it with \(Setting.overwrite)")
                }
            }
        }
        isThere = []
        var held = 0
        try makeFolder(parts)
        try manifest.write(to: manifestPath)
        for start in stride(from: 0, to: plan.requests.count, by: plan.batch) {
            let isPart = FileManager.default.fileExists(
                atPath: "\(parts)/\(start.zeroPadded(to: 8)).safetensors")
            isThere.append(isPart)
            if isPart { held += min(plan.batch, plan.requests.count - start) }
        }
        kept = held
    }

    func holds(_ requests: Range<Int>) -> Bool { isThere[requests.lowerBound / plan.batch] }

    mutating func write(_ pixels: Tensor, first: Int) throws {
        switch kind {
        case .floats: try SafetensorsWriter.write([(Self.name, pixels)], to: part(first: first))
        case .levels:
            let pictures = roundedPictures(pixels)
            let shape = [pictures.count, pictures[0].height, pictures[0].width, 3]
            let item = SafetensorsWriter.Item(name: Self.name, type: .uint8, shape: shape) { write in
                for picture in pictures { try picture.pixels.withUnsafeBytes(write) }
            }
            try SafetensorsWriter.write([item], metadata: [:], to: part(first: first))
        }
        isThere[first / plan.batch] = true
    }

    mutating func finish() throws {
        switch kind {
        case .floats: try writeFloats()
        case .levels(let seed): try writeLevels(Self.rowOrder(plan.requests.count, seed: seed))
        }
        try manifest.write(to: plan.manifestPath)
        try FileManager.default.removeItem(atPath: parts)
    }

    private static func rowOrder(_ count: Int, seed: UInt64) -> [Int] {
        var stream = RandomStream(seed: seed, purpose: .rowOrder)
        return stream.permutation(of: count)
    }

    private func openParts() throws -> [StoredElements] {
        try stride(from: 0, to: plan.requests.count, by: plan.batch).map { start in
            try SafetensorsFile(path: part(first: start)).elements(of: Self.name)
        }
    }

    private func writeFloats() throws {
        let parts = try openParts()
        let count = plan.requests.count
        let seeds = plan.requests.map { Int(truncatingIfNeeded: $0.seed) }
        try SafetensorsWriter.write(
            [
                SafetensorsWriter.Item(
                    name: "samples", type: .float32, shape: [count] + parts[0].shape.dropFirst()
                ) { write in
                    for part in parts { try part.withUnsafeBytes(write) }
                },
                SafetensorsWriter.Item(name: "labels", shape: [count], values: plan.requests.map(\.prompt.number)),
                SafetensorsWriter.Item(name: "seeds", shape: [count], values: seeds),
            ], metadata: ["manifest": String(decoding: try SampleManifest.encoder.encode(manifest), as: UTF8.self)],
            to: plan.path)
    }

    private func writeLevels(_ order: [Int]) throws {
        let parts = try openParts()
        let rowBytes = parts[0].shape.dropFirst().reduce(1, *)
        let file = try NpzWriter(
            path: plan.path,
            arrays: [
                NpzWriter.Array("arr_0", .uint8, [order.count] + parts[0].shape.dropFirst()),
                NpzWriter.Array("arr_1", .int64, [order.count]),
            ])
        for row in order {
            try parts[row / plan.batch].withUnsafeBytes { bytes in
                let start = row % plan.batch * rowBytes
                try file.append(UnsafeRawBufferPointer(rebasing: bytes[start..<start + rowBytes]))
            }
        }
        try file.append(order.map { Int64(plan.requests[$0].prompt.number) })
        try file.finish()
    }
}
