import Foundation
import Tensors

/// The elements of a tensor as a file stores them, in row-major order.
///
/// `@unchecked Sendable`: the bytes are only read, and `owner` keeps them.
public struct StoredElements: @unchecked Sendable {
    public let type: ElementType
    public let shape: [Int]
    private let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject

    /// - Parameters:
    ///   - bytes: as many as the type and the shape say.
    ///   - owner: keeps the bytes as long as it lives.
    init(type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.type = type
        self.shape = shape
        self.bytes = bytes
        self.owner = owner
    }

    public var count: Int { bytes.count / type.size }

    /// Reads the bytes in place.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(owner) { try body(bytes) }
    }

    /// The elements as float32: in place where that is what they are, else converted.
    ///
    /// - Precondition: there is at least one.
    func tensor() -> Tensor {
        let shape = shape.isEmpty ? [1] : shape
        if type == .float32, Int(bitPattern: bytes.baseAddress!) % MemoryLayout<Float>.alignment == 0 {
            return Tensor(
                borrowing: bytes.baseAddress!.assumingMemoryBound(to: Float.self), shape: shape, owner: owner)
        }
        var tensor = Tensor(uninitialized: shape)
        tensor.withUnsafeMutableBuffer { floats(from: 0, into: $0) }
        return tensor
    }

    /// Converts the elements from `first` on until `target` is full.
    ///
    /// - Precondition: there are that many.
    public func floats(from first: Int, into target: UnsafeMutableBufferPointer<Float>) {
        func fill<T>(_ type: T.Type, _ value: (T) -> Float) {
            let start = first * MemoryLayout<T>.size
            for i in target.indices {
                target[i] = value(bytes.loadUnaligned(fromByteOffset: start + i * MemoryLayout<T>.size, as: type))
            }
        }
        withExtendedLifetime(owner) {
            switch type {
            case .float64: fill(Double.self) { Float($0) }
            case .float32: fill(Float.self) { $0 }
            case .float16:
                convertHalves(
                    UnsafeRawBufferPointer(rebasing: bytes[2 * first..<2 * (first + target.count)]), into: target)
            case .bfloat16: fill(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
            case .int64: fill(Int64.self) { Float($0) }
            case .int32: fill(Int32.self) { Float($0) }
            case .int16: fill(Int16.self) { Float($0) }
            case .int8: fill(Int8.self) { Float($0) }
            case .uint8, .bool: fill(UInt8.self) { Float($0) }
            }
        }
    }

    /// The elements of an integer type; nil for floating point.
    func integers() -> [Int]? {
        func read<T: BinaryInteger>(_ type: T.Type) -> [Int] {
            withExtendedLifetime(owner) {
                (0..<count).map { Int(bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<T>.size, as: type)) }
            }
        }
        switch type {
        case .int64: return read(Int64.self)
        case .int32: return read(Int32.self)
        case .int16: return read(Int16.self)
        case .int8: return read(Int8.self)
        case .uint8, .bool: return read(UInt8.self)
        case .float64, .float32, .float16, .bfloat16: return nil
        }
    }
}

/// A block of memory that is freed with the object.
///
/// `@unchecked Sendable`: it is written by who made it, before anybody else has it.
final class ByteBlock: @unchecked Sendable {
    let bytes: UnsafeMutableRawBufferPointer

    init(count: Int) { bytes = .allocate(byteCount: max(count, 1), alignment: 64) }

    deinit { bytes.deallocate() }
}
