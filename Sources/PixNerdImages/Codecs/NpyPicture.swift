import PixNerdCheckpoints
import PixNerdSupport

extension PictureHeader {
    /// The image in a `.npy` file: an array [H, W] or [H, W, C] of uint8, uint16 or float32.
    static func npy(_ bytes: UnsafeRawBufferPointer, name: String) throws -> PictureHeader {
        let header = try npyHeader(bytes, name: name)
        guard let element = header.type.flatMap(Raster.Element.init), [2, 3].contains(header.shape.count),
            !header.isFortranOrder
        else {
            let order = header.isFortranOrder ? " in Fortran order" : ""
            throw PixNerdError(
                .unsupported, "\(name)", found: "is an array \(header.shape) of \(header.typeName)\(order)",
                expected: "one image, [H, W] or [H, W, C] of little-endian uint8, uint16 or float32 in C order")
        }
        let sides = header.shape + [1]
        guard sides.allSatisfy({ $0 <= ImageFile.maximumPixels }) else {
            throw PixNerdError(
                .unsupported, "\(name)", found: "claims a size of \(sides[1]) x \(sides[0]) pixels",
                expected: "at most \(ImageFile.maximumPixels) pixels")
        }
        // Arrays do not say what their channels are.
        return PictureHeader(
            format: .npy, width: sides[1], height: sides[0], channels: sides[2], element: element,
            color: sides[2] == 4 ? .other : nil)
    }
}

private func npyHeader(_ bytes: UnsafeRawBufferPointer, name: String) throws -> NpyHeader {
    try NpyHeader(UnsafeRawBufferPointer(rebasing: bytes.prefix(NpyHeader.longest))) { found, expected in
        PixNerdError(.malformed, "\(name)", found: "is a damaged .npy file: \(found)", expected: expected)
    }
}

/// Reads a `.npy` file, as its header told.
func decodeNpy(_ bytes: UnsafeRawBufferPointer, _ header: PictureHeader, name: String) throws -> Raster {
    let start = try npyHeader(bytes, name: name).length
    guard bytes.count - start >= header.size else {
        throw PixNerdError(
            .malformed, "\(name)", found: "is cut short: it has \(bytes.count - start) bytes of values",
            expected: "\(header.size)")
    }
    return try Raster(header) { $0.copyMemory(from: bytes.baseAddress! + start, byteCount: header.size) }
}

/// The bytes of a `.npy` file, [H, W] for one channel and else [H, W, C].
func encodedNpy(_ image: Raster) -> [UInt8] {
    let channels = image.channels == 1 ? [] : [image.channels]
    return NpyHeader.bytes(type: image.element.elementType, shape: [image.height, image.width] + channels) + image.bytes
}

extension Raster.Element {
    /// The type in arrays and tensors.
    package var elementType: ElementType {
        switch self {
        case .uint8: .uint8
        case .uint16: .uint16
        case .float32: .float32
        }
    }

    /// Nil for types that images do not have.
    package init?(_ type: ElementType) {
        switch type {
        case .uint8: self = .uint8
        case .uint16: self = .uint16
        case .float32: self = .float32
        default: return nil
        }
    }
}
