import Foundation

/// A word quoted for a shell.
func shellQuoted(_ word: String) -> String {
    if word.wholeMatch(of: /[A-Za-z0-9_.,:=+\/-]+/) != nil { return word }
    return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
}
