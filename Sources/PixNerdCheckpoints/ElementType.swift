/// Element type of a stored tensor. The raw values are the type names of `.safetensors` files.
public enum ElementType: String, Sendable, CaseIterable {
    case float64 = "F64"
    case float32 = "F32"
    case float16 = "F16"
    case bfloat16 = "BF16"
    case int64 = "I64"
    case int32 = "I32"
    case int16 = "I16"
    case uint16 = "U16"
    case int8 = "I8"
    case uint8 = "U8"
    case bool = "BOOL"

    /// Bytes per element.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16, .uint16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    public var isFloatingPoint: Bool {
        switch self {
        case .float64, .float32, .float16, .bfloat16: true
        case .int64, .int32, .int16, .uint16, .int8, .uint8, .bool: false
        }
    }
}

/// The IEEE half-precision value nearest to a float, ties to even; infinite from 65520 on.
///
/// Written out because `Float16` does not exist on every processor that Swift runs on.
func half(fromFloat value: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
    let magnitude = value.bitPattern & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    if magnitude >= 0x477f_f000 { return sign | 0x7c00 }
    if magnitude < 0x3880_0000 {
        // Subnormal: a multiple of 2^-24.
        return sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
    }
    let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1)
    return sign | UInt16((rounded - 0x3800_0000) >> 13)
}

/// The bfloat16 value nearest to a float, ties to even.
func brainFloat(fromFloat value: Float) -> UInt16 {
    guard !value.isNaN else { return UInt16(value.bitPattern >> 16) | 0x40 }
    return UInt16((value.bitPattern + 0x7fff + ((value.bitPattern >> 16) & 1)) >> 16)
}

/// Rounds float32 values in place to a type that is no wider, and passes the bytes to `write`.
///
/// - Returns: the number of finite values that became infinite.
func narrow(
    _ values: UnsafeMutableBufferPointer<Float>, to type: ElementType, _ write: (UnsafeRawBufferPointer) throws -> Void
) throws -> Int {
    guard type != .float32 else {
        try write(UnsafeRawBufferPointer(values))
        return 0
    }
    var overflows = 0
    // The results go into the first half of the memory, always behind the values still to be read.
    let bytes = UnsafeMutableRawBufferPointer(values)
    let infinity: UInt16 = type == .float16 ? 0x7c00 : 0x7f80
    for i in values.indices {
        let value = values[i]
        let bits = type == .float16 ? half(fromFloat: value) : brainFloat(fromFloat: value)
        if bits & 0x7fff == infinity, value.isFinite { overflows += 1 }
        bytes.storeBytes(of: bits, toByteOffset: 2 * i, as: UInt16.self)
    }
    try write(UnsafeRawBufferPointer(rebasing: bytes.prefix(2 * values.count)))
    return overflows
}
