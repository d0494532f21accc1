import PixNerdCheckpoints
import PixNerdModels

/// A model as requests name it: `NAME`, `NAME@STEP`, and either with `:raw` or `:ema`.
struct ModelReference: Sendable, Equatable {
    var name: String
    var step: Int?
    var weights: WeightKind?

    /// - Parameter isName: Whether a text is the whole name of a model.
    init(_ text: String, isName: (String) -> Bool = { _ in false }) {
        guard !isName(text) else {
            name = text
            return
        }
        var rest = Substring(text)
        for kind in WeightKind.allCases where rest.hasSuffix(":\(kind.rawValue)") {
            weights = kind
            rest = rest.dropLast(kind.rawValue.count + 1)
        }
        if !isName(String(rest)), let at = rest.lastIndex(of: "@"), let step = Int(rest[rest.index(after: at)...]),
            step >= 0
        {
            self.step = step
            rest = rest[..<at]
        }
        name = String(rest)
    }
}
