/// A text that may hold names from a file, fit to be shown: no control characters, and not endless.
package func printable(_ text: String) -> String {
    let longest = 1500
    let isPlain = text.utf8.count <= longest && text.utf8.allSatisfy { (0x20..<0x7f).contains($0) }
    guard !isPlain else { return text }
    let scalars = text.unicodeScalars.map { (scalar: Unicode.Scalar) -> Unicode.Scalar in
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
            return "\u{fffd}"
        default:
            return scalar
        }
    }
    guard scalars.count > longest else { return String(String.UnicodeScalarView(scalars)) }
    // Of an endless text the ends say most.
    return String(String.UnicodeScalarView(scalars.prefix(longest * 2 / 3))) + " ... "
        + String(String.UnicodeScalarView(scalars.suffix(longest / 3)))
}
