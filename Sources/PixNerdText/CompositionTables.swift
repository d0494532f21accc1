import Foundation

/// What characters consist of, and what they are composed to, in Unicode 9; without Hangul syllables.
///
/// The data are those of Swift's library, which has no newer decompositions of older characters.
struct CompositionTables: Sendable {
    static let shared = CompositionTables()

    /// The full decompositions of characters that have one.
    private(set) var parts: [UInt32: [UInt32]] = [:]
    /// The character that two others become; the key is the first of them, shifted by 32 bits, and the second.
    private(set) var wholes: [UInt64: UInt32] = [:]
    /// Characters that composed text does not have, or that may become a part of the character before them.
    private(set) var changing: Set<UInt32> = []

    /// Where all characters are that have decompositions in Unicode 9.
    static let ranges: [ClosedRange<UInt32>] = [
        0xc0...0x30ff, 0xf900...0xfb4f, 0x11000...0x115ff, 0x1d15e...0x1d1c0, 0x2f800...0x2fa1f,
    ]

    private init() {
        /// Characters that text may be composed to, by their decompositions.
        var composites: [[UInt32]: UInt32] = [:]
        for value in Self.ranges.joined() {
            guard let scalar = Unicode.Scalar(value), let parts = Self.parts(of: scalar) else { continue }
            self.parts[value] = parts
            if scalar.properties.isFullCompositionExclusion {
                changing.insert(value)
            } else {
                composites[parts] = value
            }
        }
        for (parts, whole) in composites {
            // A character with two accents is composed from one with the first accent.
            let start = Array(parts.dropLast())
            guard let last = parts.last, let first = start.count == 1 ? start[0] : composites[start] else { continue }
            wholes[UInt64(first) << 32 | UInt64(last)] = whole
            changing.insert(last)
        }
    }

    /// The full decomposition of a character; nil if it is its own.
    static func parts(of scalar: Unicode.Scalar) -> [UInt32]? {
        guard isKnown(scalar) else { return nil }
        let parts = String(scalar).decomposedStringWithCanonicalMapping.unicodeScalars.map(\.value)
        return parts == [scalar.value] ? nil : parts
    }

    /// The combining class of a character, by which marks are ordered; 0 for those that Unicode 9 does not have.
    static func order(of value: UInt32) -> UInt8 {
        guard value >= 0x300, let scalar = Unicode.Scalar(value) else { return 0 }
        let order = scalar.properties.canonicalCombiningClass.rawValue
        return order != 0 && isKnown(scalar) ? order : 0
    }

    private static func isKnown(_ scalar: Unicode.Scalar) -> Bool { scalar.isKnown(to: (major: 9, minor: 0)) }
}
