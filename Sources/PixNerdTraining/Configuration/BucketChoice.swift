import Foundation
import PixNerdSupport

/// The sizes of a run's batches, as a configuration says them.
public enum BucketChoice: Sendable, Equatable {
    /// One size.
    case none
    /// All shapes that have about the area of `data.image_size`.
    case area
    case sizes([ImageSize])

    /// Whether no size is listed twice, and images can have all of them.
    var areSizesPossible: Bool {
        guard case .sizes(let sizes) = self else { return true }
        return sizes.allSatisfy(\.isPossible) && Set(sizes).count == sizes.count
    }
}

extension BucketChoice: ConfigurationValue {
    package static var expectation: String { "area, or a list of sizes" }
    package static var isList: Bool { true }

    package init?(text: String) {
        let words = text.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        guard words != ["area"] else {
            self = .area
            return
        }
        let sizes = words.compactMap { ImageSize(text: $0) }
        guard sizes.count == words.count else { return nil }
        self = sizes.isEmpty ? .none : .sizes(sizes)
    }

    package var text: String {
        switch self {
        case .none: ""
        case .area: "area"
        case .sizes(let sizes): sizes.map(\.text).joined(separator: ", ")
        }
    }
}

extension ImageSize: ConfigurationValue {
    package static var expectation: String { "a whole number" }
}
