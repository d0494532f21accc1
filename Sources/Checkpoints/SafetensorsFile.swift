import Foundation
import Tensors

/// A `.safetensors` file, mapped: float32 tensors are used where they lie, others are converted when they are read.
///
/// Format: u64 little-endian header length, a JSON header, then the data (huggingface/safetensors README).
public final class SafetensorsFile: TensorSource, Sendable {
    /// Element types that are read.
    enum ElementType: String {
        case float64 = "F64"
        case float32 = "F32"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case int64 = "I64"
        case int32 = "I32"
        case int16 = "I16"
        case int8 = "I8"
        case uint8 = "U8"
        case bool = "BOOL"

        var size: Int {
            switch self {
            case .float64, .int64: 8
            case .float32, .int32: 4
            case .float16, .bfloat16, .int16: 2
            case .int8, .uint8, .bool: 1
            }
        }
    }

    struct Entry {
        let type: ElementType
        let shape: [Int]
        let start: Int
        let count: Int
    }

    public let path: String
    public let names: [String]
    /// The strings under `__metadata__`.
    public let metadata: [String: String]
    private let file: MappedFile
    private let entries: [String: Entry]

    public var origin: String { path }

    /// - Throws: `CheckpointError` in one sentence where the file is missing, is something else, or is cut short.
    public init(path: String) throws {
        let file = try MappedFile(path: path)
        let header = try SafetensorsHeader(file.bytes, path: path)
        self.path = path
        self.file = file
        names = header.names
        metadata = header.metadata
        entries = header.entries
    }

    public func shape(of name: String) -> [Int]? { entries[name]?.shape }

    public func tensor(_ name: String) throws -> Tensor {
        let (entry, bytes) = try entry(name)
        guard !entry.shape.contains(0) else {
            throw CheckpointError("\(path): the tensor \(name) is empty: its shape is \(entry.shape).")
        }
        let shape = entry.shape.isEmpty ? [1] : entry.shape
        if entry.type == .float32, Int(bitPattern: bytes.baseAddress!) % 4 == 0 {
            return Tensor(
                borrowing: bytes.baseAddress!.assumingMemoryBound(to: Float.self), shape: shape, owner: file)
        }
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { convert(bytes, entry, into: $0) }
        return tensor
    }

    /// A tensor of integers in row-major order.
    ///
    /// - Throws: `CheckpointError` where it is missing or is not of an integer type.
    public func integers(_ name: String) throws -> [Int] {
        let (entry, bytes) = try entry(name)
        func read<T: BinaryInteger>(_ type: T.Type) -> [Int] {
            (0..<entry.count).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * entry.type.size, as: type)) }
        }
        switch entry.type {
        case .int64: return read(Int64.self)
        case .int32: return read(Int32.self)
        case .int16: return read(Int16.self)
        case .int8: return read(Int8.self)
        case .uint8, .bool: return read(UInt8.self)
        case .float64, .float32, .float16, .bfloat16:
            throw CheckpointError("\(path): the tensor \(name) is \(entry.type.rawValue), integers are expected.")
        }
    }

    private func entry(_ name: String) throws -> (Entry, UnsafeRawBufferPointer) {
        guard let entry = entries[name] else {
            throw CheckpointError("\(path) lacks the tensor \(name).")
        }
        let end = entry.start + entry.count * entry.type.size
        return (entry, UnsafeRawBufferPointer(rebasing: file.bytes[entry.start..<end]))
    }

    private func convert(
        _ bytes: UnsafeRawBufferPointer, _ entry: Entry, into target: UnsafeMutableBufferPointer<Float>
    ) {
        func fill<T>(_ type: T.Type, _ value: (T) -> Float) {
            for i in target.indices {
                target[i] = value(bytes.loadUnaligned(fromByteOffset: i * MemoryLayout<T>.size, as: type))
            }
        }
        switch entry.type {
        case .float64: fill(Double.self) { Float($0) }
        case .float32: fill(Float.self) { $0 }
        case .float16: fill(UInt16.self) { float(fromHalf: $0) }
        case .bfloat16: fill(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .int64: fill(Int64.self) { Float($0) }
        case .int32: fill(Int32.self) { Float($0) }
        case .int16: fill(Int16.self) { Float($0) }
        case .int8: fill(Int8.self) { Float($0) }
        case .uint8, .bool: fill(UInt8.self) { Float($0) }
        }
    }
}

/// IEEE half precision to single; written out because `Float16` does not exist on every processor that Swift runs on.
func float(fromHalf bits: UInt16) -> Float {
    let sign = UInt32(bits & 0x8000) << 16
    let exponent = UInt32(bits >> 10) & 0x1f
    let fraction = UInt32(bits & 0x3ff)
    switch exponent {
    case 0: return Float(bitPattern: sign | 0x3f80_0000) * Float(fraction) * 0x1p-24
    case 0x1f: return Float(bitPattern: sign | 0x7f80_0000 | fraction << 13)
    default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
    }
}
