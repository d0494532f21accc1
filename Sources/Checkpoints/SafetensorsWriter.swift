import Foundation
import Tensors

/// Writes `.safetensors` files that PyTorch users and this program read alike.
public enum SafetensorsWriter {
    /// Writes float32 tensors; the file appears whole or not at all.
    ///
    /// - Parameters:
    ///   - tensors: names and tensors in the order in which they are stored.
    ///   - integers: names with shape and values of int64 tensors.
    ///   - metadata: strings for `__metadata__`; `format: pt` is added, by which transformers and diffusers know it.
    /// - Throws: `CheckpointError` naming the path where writing fails; what stood there stays.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)],
        integers: [(name: String, shape: [Int], values: [Int])] = [], metadata: [String: String] = [:],
        to path: String
    ) throws {
        var header: [String: Any] = ["__metadata__": metadata.merging(["format": "pt"]) { own, _ in own }]
        var offset = 0
        // Wider elements first, so that every tensor is aligned to its own size.
        for (name, shape, values) in integers {
            header[name] = ["dtype": "I64", "shape": shape, "data_offsets": [offset, offset + 8 * values.count]]
            offset += 8 * values.count
        }
        for (name, tensor) in tensors {
            header[name] = [
                "dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + 4 * tensor.count],
            ]
            offset += 4 * tensor.count
        }
        var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
        // The data begins at a multiple of 64 bytes, so that a mapped file can be used in place.
        json.append(Data(repeating: UInt8(ascii: " "), count: (64 - (8 + json.count) % 64) % 64))

        try AtomicFile.write(to: path) { file in
            var length = UInt64(json.count).littleEndian
            try withUnsafeBytes(of: &length) { try file.append($0) }
            try json.withUnsafeBytes { try file.append($0) }
            for (_, _, values) in integers {
                try values.map { Int64($0).littleEndian }.withUnsafeBytes { try file.append($0) }
            }
            for (_, tensor) in tensors {
                try tensor.withUnsafeBuffer { try file.append(UnsafeRawBufferPointer($0)) }
            }
        }
    }
}
