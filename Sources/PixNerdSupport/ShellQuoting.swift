import Foundation

/// A word as a shell takes it: quoted if it holds anything that a shell would interpret.
package func shellQuoted(_ word: String) -> String {
    if word.wholeMatch(of: /[A-Za-z0-9_.,:=+\/-]+/) != nil { return word }
    return "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
}

/// A command that can be pasted into a shell.
package func shellCommand(_ words: [String]) -> String { words.map(shellQuoted).joined(separator: " ") }
