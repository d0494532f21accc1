import Foundation
import PixNerdTensors

/// The elements of a tensor as a file stores them, in row-major order.
///
/// `@unchecked Sendable`: the bytes are only read, and `owner` keeps them alive.
public struct StoredElements: @unchecked Sendable {
    public let type: ElementType
    public let shape: [Int]
    private let bytes: UnsafeRawBufferPointer
    private let owner: AnyObject

    /// - Parameters:
    ///   - bytes: the elements; as many bytes as type and shape require.
    ///   - owner: an object that keeps the bytes alive.
    init(type: ElementType, shape: [Int], bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.type = type
        self.shape = shape
        self.bytes = bytes
        self.owner = owner
    }

    public var count: Int { bytes.count / type.size }

    /// Calls `body` with the bytes, in place.
    public func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) throws -> R) rethrows -> R {
        try withExtendedLifetime(owner) { try body(bytes) }
    }

    /// The elements as a float32 tensor: in place if they are float32, otherwise converted.
    ///
    /// - Precondition: there is at least one element.
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

    /// Converts elements, starting at `first`, until `target` is full.
    ///
    /// - Precondition: there are enough elements to fill it.
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
            case .uint16: fill(UInt16.self) { Float($0) }
            case .int8: fill(Int8.self) { Float($0) }
            case .uint8, .bool: fill(UInt8.self) { Float($0) }
            }
        }
    }

    /// A matrix as a weight for matmuls that leave it as it is stored; nil if it is no matrix, or of another type than
    /// float32, float16 or bfloat16.
    package var weight: StoredWeight? {
        let kinds: [ElementType: StoredWeight.Kind] = [
            .float32: .float32, .float16: .float16, .bfloat16: .bfloat16,
        ]
        guard let kind = kinds[type], shape.count == 2, count > 0 else { return nil }
        return StoredWeight(bytes, kind: kind, shape: shape, owner: owner)
    }

    /// The elements in double precision.
    public func doubles() -> [Double] {
        if type == .float64 {
            return withUnsafeBytes { bytes in
                (0..<count).map { bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Double>.size, as: Double.self) }
            }
        }
        if let integers = integers() { return integers.map(Double.init) }
        var floats = [Float](repeating: 0, count: count)
        floats.withUnsafeMutableBufferPointer { self.floats(from: 0, into: $0) }
        return floats.map(Double.init)
    }

    /// The elements as integers; nil for floating-point types.
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
        case .uint16: return read(UInt16.self)
        case .int8: return read(Int8.self)
        case .uint8, .bool: return read(UInt8.self)
        case .float64, .float32, .float16, .bfloat16: return nil
        }
    }
}

/// Copies a strided view to row-major order.
///
/// - Parameters:
///   - offset: index of the first element.
///   - strides: distances along each axis, in elements.
///   - size: bytes per element: 1, 2, 4 or 8.
func gather(
    _ source: UnsafeRawBufferPointer, _ offset: Int, _ shape: [Int], _ strides: [Int], size: Int,
    into target: UnsafeMutableRawBufferPointer
) {
    func copy<T>(_ type: T.Type) {
        let (columns, step) = (shape.last ?? 1, strides.last ?? 1)
        let rows = shape.dropLast().reduce(1, *)
        var index = [Int](repeating: 0, count: max(shape.count - 1, 0))
        var start = offset
        for row in 0..<rows {
            for column in 0..<columns {
                let value = source.loadUnaligned(fromByteOffset: (start + column * step) * size, as: type)
                target.storeBytes(of: value, toByteOffset: (row * columns + column) * size, as: type)
            }
            // The next row, like an odometer.
            for axis in index.indices.reversed() {
                index[axis] += 1
                start += strides[axis]
                if index[axis] < shape[axis] { break }
                start -= shape[axis] * strides[axis]
                index[axis] = 0
            }
        }
    }
    switch size {
    case 1: copy(UInt8.self)
    case 2: copy(UInt16.self)
    case 4: copy(UInt32.self)
    default: copy(UInt64.self)
    }
}
