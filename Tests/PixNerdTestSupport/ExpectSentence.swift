import Foundation
import Testing

/// Fails unless `text` is one sentence: a single line that ends like a sentence, contains no second one, and names what
/// it is about.
///
/// - Parameter needed: words that the sentence must contain.
public func expectSentence(
    _ text: String, naming needed: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
) {
    var problems: [String] = []
    if text.contains(where: \.isNewline) { problems.append("it has several lines") }
    if text.contains(/[.?!] [A-Z]/) { problems.append("it has several sentences") }
    if text.count < 12 { problems.append("it is too short to say what is wrong") }
    if !text.hasSuffix(".") && !text.hasSuffix("?") { problems.append("it does not end like a sentence") }
    problems += needed.filter { !text.contains($0) }.map { "it does not name '\($0)'" }
    guard !problems.isEmpty else { return }
    Issue.record("\(problems.joined(separator: "; ")): \(text)", sourceLocation: sourceLocation)
}

/// The description of the error that `body` throws.
public func sentence(_ body: () throws -> Void) -> String {
    do {
        try body()
        return "nothing was thrown"
    } catch {
        return "\(error)"
    }
}
