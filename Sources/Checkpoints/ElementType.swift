/// What the elements of a stored tensor are; the raw values are the names that `.safetensors` files use.
public enum ElementType: String, Sendable, CaseIterable {
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

    /// Bytes of an element.
    public var size: Int {
        switch self {
        case .float64, .int64: 8
        case .float32, .int32: 4
        case .float16, .bfloat16, .int16: 2
        case .int8, .uint8, .bool: 1
        }
    }

    public var isFloatingPoint: Bool {
        switch self {
        case .float64, .float32, .float16, .bfloat16: true
        case .int64, .int32, .int16, .int8, .uint8, .bool: false
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

/// Single precision to IEEE half, to the nearest and to even where two are as near; infinite from 65520 on.
func half(fromFloat value: Float) -> UInt16 {
    let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
    let magnitude = value.bitPattern & 0x7fff_ffff
    if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
    if magnitude >= 0x477f_f000 { return sign | 0x7c00 }
    if magnitude < 0x3880_0000 {
        // Below the normal halves: a multiple of 2^-24.
        return sign | UInt16((Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven))
    }
    let rounded = magnitude + 0xfff + ((magnitude >> 13) & 1)
    return sign | UInt16((rounded - 0x3800_0000) >> 13)
}

/// Single precision to bfloat16, to the nearest and to even where two are as near.
func brainFloat(fromFloat value: Float) -> UInt16 {
    guard !value.isNaN else { return UInt16(value.bitPattern >> 16) | 0x40 }
    return UInt16((value.bitPattern + 0x7fff + ((value.bitPattern >> 16) & 1)) >> 16)
}
