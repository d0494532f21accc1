import Foundation
import PixNerdSupport
import PixNerdTensors

/// Writes `.safetensors` files that PyTorch and this package can read.
public enum SafetensorsWriter {
    /// A tensor to write.
    package struct Item {
        let name: String
        let type: ElementType
        let shape: [Int]
        /// Passes all bytes in order, in any number of parts.
        let write: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void

        var byteCount: Int { shape.reduce(type.size, *) }

        package init(
            name: String, type: ElementType, shape: [Int],
            write: @escaping ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
        ) {
            self.name = name
            self.type = type
            self.shape = shape
            self.write = write
        }

        /// A tensor that is fetched when it is written.
        ///
        /// - Parameter type: The type that it is rounded to: float32, float16 or bfloat16.
        package init(name: String, shape: [Int], as type: ElementType = .float32, tensor: @escaping () -> Tensor) {
            self.init(name: name, type: type, shape: shape) { write in
                guard type != .float32 else {
                    return try tensor().withUnsafeBuffer { try write(UnsafeRawBufferPointer($0)) }
                }
                var copy = tensor().copied()
                _ = try copy.withUnsafeMutableBuffer { try narrow($0, to: type, write) }
            }
        }

        /// An int64 tensor.
        package init(name: String, shape: [Int], values: [Int]) {
            self.init(name: name, type: .int64, shape: shape) { write in
                try values.map { Int64($0).littleEndian }.withUnsafeBytes(write)
            }
        }
    }

    /// Writes tensors to a file atomically.
    ///
    /// - Parameters:
    ///   - tensors: names and tensors, in the order in which they are stored.
    ///   - type: the type that the tensors are rounded to: float32, float16 or bfloat16.
    ///   - integers: names, shapes and values of int64 tensors.
    ///   - metadata: strings for `__metadata__`; `format: pt`, which transformers and diffusers look for, is added, and
    ///     `xxh3`, a fingerprint of the file.
    /// - Throws: `PixNerdError` naming the path if writing fails. An existing file is then left as it was.
    public static func write(
        _ tensors: [(name: String, tensor: Tensor)], as type: ElementType = .float32,
        integers: [(name: String, shape: [Int], values: [Int])] = [], metadata: [String: String] = [:],
        to path: String
    ) throws {
        let integers = integers.map { Item(name: $0.name, shape: $0.shape, values: $0.values) }
        let floats = tensors.map { name, tensor in
            Item(name: name, shape: tensor.shape, as: type) { tensor }
        }
        try write(integers + floats, metadata: metadata, to: path)
    }

    /// Writes tensors one at a time, wider elements first, so that each is aligned to its element size.
    package static func write(_ items: [Item], metadata: [String: String], to path: String) throws {
        guard !items.contains(where: { $0.name == SafetensorsHeader.metadataKey }) else {
            throw PixNerdError(
                .unsupported, "\(path)", found: "cannot hold a tensor that is called \(SafetensorsHeader.metadataKey)",
                advice: "rename it in its source")
        }
        let widths = [8, 4, 2, 1]
        let items = widths.flatMap { width in items.filter { $0.type.size == width } }
        var strings = metadata.merging(["format": "pt"]) { own, _ in own }
        strings[SafetensorsFingerprint.key] = SafetensorsFingerprint.placeholder
        var header: [String: Any] = [SafetensorsHeader.metadataKey: strings]
        var offset = 0
        for item in items {
            let end = offset + item.byteCount
            header[item.name] = ["dtype": item.type.rawValue, "shape": item.shape, "data_offsets": [offset, end]]
            offset = end
        }
        var json = try JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
        // The data begins at a multiple of 64 bytes, so that a mapped file can be used in place.
        json.append(Data(repeating: UInt8(ascii: " "), count: (64 - (8 + json.count) % 64) % 64))

        try AtomicFile.write(to: path) { file in
            let head = withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
            var fingerprint = Fingerprint()
            try head.withUnsafeBytes { bytes in
                fingerprint.add(bytes)
                try file.append(bytes)
            }
            for item in items {
                var written = 0
                try item.write { bytes in
                    written += bytes.count
                    fingerprint.add(bytes)
                    try file.append(bytes)
                }
                precondition(
                    written == item.byteCount,
                    "SafetensorsWriter: \(written) bytes of \(item.name), expected \(item.byteCount)")
            }
            let place = head.withUnsafeBytes {
                SafetensorsFingerprint.place(of: SafetensorsFingerprint.placeholder, in: $0)
            }
            guard let place else { preconditionFailure("SafetensorsWriter: the header has no place for a fingerprint") }
            try Array(fingerprint.text.utf8).withUnsafeBytes { try file.overwrite($0, at: place.lowerBound) }
        }
    }
}
