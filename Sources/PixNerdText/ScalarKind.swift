/// What a scalar is to the rules that split text into pieces.
enum ScalarKind: UInt8, Sendable {
    /// A carriage return or a line feed.
    case newline
    /// Any other character with Unicode's property White_Space.
    case space
    /// General categories Lu, Ll, Lt, Lm and Lo.
    case letter
    /// General categories Nd, Nl and No.
    case number
    case other

    init(_ scalar: Unicode.Scalar) {
        if scalar.isASCII {
            self.init(ascii: UInt8(truncatingIfNeeded: scalar.value))
            return
        }
        let properties = scalar.properties
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            self = scalar.isKnown(to: Self.tables) ? .letter : .other
        case .decimalNumber, .letterNumber, .otherNumber:
            self = scalar.isKnown(to: Self.tables) ? .number : .other
        default:
            self = properties.isWhitespace ? .space : .other
        }
    }

    private init(ascii byte: UInt8) {
        switch byte {
        case 0x0a, 0x0d: self = .newline
        case 0x09, 0x0b, 0x0c, 0x20: self = .space
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): self = .letter
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self = .number
        default: self = .other
        }
    }

    /// The version of Unicode whose letters and numbers the tokenizers library (0.23) knows. Swift's tables are newer,
    /// and get newer still.
    private static let tables = (major: 16, minor: 0)
}

extension Unicode.Scalar {
    /// Whether a version of Unicode has this character.
    func isKnown(to version: Unicode.Version) -> Bool {
        guard let age = properties.age else { return false }
        return age <= version
    }
}
