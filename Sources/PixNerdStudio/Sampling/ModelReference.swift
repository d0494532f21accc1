import PixNerdCheckpoints
import PixNerdModels

/// A model as requests name it: `NAME`, `NAME@STEP`, and either with `:raw` or `:ema`.
struct ModelReference: Sendable, Equatable {
    var name: String
    var step: Int?
    var weights: WeightKind?

    init(_ text: String) {
        var rest = Substring(text)
        for kind in WeightKind.allCases where rest.hasSuffix(":\(kind.rawValue)") {
            weights = kind
            rest = rest.dropLast(kind.rawValue.count + 1)
        }
        if let at = rest.lastIndex(of: "@"), let step = Int(rest[rest.index(after: at)...]), step >= 0 {
            self.step = step
            rest = rest[..<at]
        }
        name = String(rest)
    }
}
