/// A text made safe to print, as it may hold names from a file: control characters replaced, and at most 1500 scalars.
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
    // The two ends of a long text say the most.
    return String(String.UnicodeScalarView(scalars.prefix(longest * 2 / 3))) + " ... "
        + String(String.UnicodeScalarView(scalars.suffix(longest / 3)))
}
