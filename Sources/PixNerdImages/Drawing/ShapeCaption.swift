/// The words of the captioned shapes dataset for a picture: one or two shapes on a background.
///
/// `a red circle on dark blue`, `a small orange ring at the top left on white`, `a red star to the left of a green heart
/// on black`. Colours, backgrounds and shapes are the names of `colors`, `backgrounds` and `shapes`.
public struct ShapeCaption: Sendable, Equatable {
    /// A colour and a shape, such as "red star".
    public struct Combination: Sendable, Hashable, Codable, CustomStringConvertible {
        public let color: String
        public let shape: String

        /// - Parameters:
        ///   - color: one of `colors`.
        ///   - shape: one of `shapes`.
        public init(color: String, shape: String) {
            precondition(
                ShapeCaption.colors.contains(color) && ShapeCaption.shapes.contains(shape),
                "ShapeCaption: there is no \(color) \(shape)")
            self.color = color
            self.shape = shape
        }

        /// - Parameter text: a colour and a shape, such as "red star"; the combination is nil for other words.
        public init?(_ text: String) {
            let words = text.split(separator: " ").map { $0.lowercased() }
            guard words.count == 2, ShapeCaption.colors.contains(words[0]), ShapeCaption.shapes.contains(words[1])
            else { return nil }
            (color, shape) = (words[0], words[1])
        }

        public var description: String { "\(color) \(shape)" }
    }

    public enum Size: String, Sendable, CaseIterable {
        case small, large
    }

    /// Where the only shape of a picture is.
    public enum Place: String, Sendable, CaseIterable {
        case top = "at the top"
        case bottom = "at the bottom"
        case left = "at the left"
        case right = "at the right"
        case topLeft = "at the top left"
        case topRight = "at the top right"
        case bottomLeft = "at the bottom left"
        case bottomRight = "at the bottom right"
    }

    /// Where the first shape is, seen from the second.
    public enum Relation: String, Sendable, CaseIterable {
        case above
        case below
        case leftOf = "to the left of"
        case rightOf = "to the right of"
    }

    public struct Thing: Sendable, Equatable {
        public var combination: Combination
        /// The size compared with other shapes; nil if the caption does not say.
        public var size: Size?

        public init(_ combination: Combination, size: Size? = nil) {
            self.combination = combination
            self.size = size
        }

        var text: String {
            let words = [size?.rawValue, combination.description].compactMap { $0 }.joined(separator: " ")
            return (words.first == "o" ? "an " : "a ") + words
        }
    }

    /// The shape, or the first of two.
    public var first: Thing
    /// The other shape and where the first one is, seen from it; nil if there is one shape.
    public var second: (relation: Relation, thing: Thing)?
    /// Where the only shape is; nil if the caption does not say.
    public var place: Place?
    /// One of `backgrounds`.
    public var background: String

    /// The names of the colours of shapes.
    public static let colors = ShapePalette.colors.map(\.name)
    /// The names of the colours of backgrounds.
    public static let backgrounds = ShapePalette.backgrounds.map(\.name)
    /// The names of the shapes.
    public static let shapes = ShapePalette.outlines.map(\.rawValue)

    init(_ first: Thing, place: Place? = nil, second: (Relation, Thing)? = nil, background: String) {
        self.first = first
        self.place = place
        self.second = second
        self.background = background
    }

    public static func == (a: ShapeCaption, b: ShapeCaption) -> Bool { a.text == b.text }

    /// All shapes that the caption names.
    public var things: [Thing] { [first] + (second.map { [$0.thing] } ?? []) }

    /// The caption in words.
    public var text: String {
        var text = first.text
        if let place { text += " \(place.rawValue)" }
        if let second { text += " \(second.relation.rawValue) \(second.thing.text)" }
        return "\(text) on \(background)"
    }

    /// - Parameter text: a caption as this dataset has them, with any capitals and spaces; the result is nil for other
    ///   texts.
    public init?(_ text: String) {
        var words = text.lowercased().split { $0 == " " || $0 == "\n" }.map(String.init)[...]
        func take(_ phrase: String) -> Bool {
            let parts = phrase.split(separator: " ").map(String.init)
            guard words.starts(with: parts) else { return false }
            words = words.dropFirst(parts.count)
            return true
        }
        func thing() -> Thing? {
            guard take("a") || take("an") else { return nil }
            let size = Size.allCases.first { take($0.rawValue) }
            guard let combination = Combination(words.prefix(2).joined(separator: " ")) else { return nil }
            words = words.dropFirst(2)
            return Thing(combination, size: size)
        }
        guard let first = thing() else { return nil }
        // The longer names first, as some begin with others.
        let place = Place.allCases.reversed().first { take($0.rawValue) }
        var second: (Relation, Thing)?
        if place == nil, let relation = Relation.allCases.first(where: { take($0.rawValue) }) {
            guard let other = thing() else { return nil }
            second = (relation, other)
        }
        guard take("on"), Self.backgrounds.contains(words.joined(separator: " ")) else { return nil }
        self.init(first, place: place, second: second, background: words.joined(separator: " "))
    }
}

/// The colours and shapes of the captioned shapes dataset. Every colour is far from every other and from every
/// background, so that no picture is in doubt.
enum ShapePalette {
    static let colors: [(name: String, color: ShapeColor)] = [
        ("red", ShapeColor(225, 35, 40)), ("orange", ShapeColor(255, 140, 0)), ("yellow", ShapeColor(252, 228, 55)),
        ("green", ShapeColor(45, 190, 70)), ("cyan", ShapeColor(50, 205, 225)), ("blue", ShapeColor(40, 85, 245)),
        ("purple", ShapeColor(130, 45, 180)), ("pink", ShapeColor(255, 100, 175)),
    ]
    static let backgrounds: [(name: String, color: ShapeColor)] = [
        ("black", ShapeColor(14, 14, 16)), ("white", ShapeColor(246, 246, 246)), ("grey", ShapeColor(186, 186, 186)),
        ("dark blue", ShapeColor(20, 30, 105)), ("dark green", ShapeColor(14, 84, 46)),
        ("brown", ShapeColor(98, 60, 32)),
    ]
    /// Stripes are left out, as they are several shapes to the eye.
    static let outlines = ShapeOutline.allCases.filter { $0 != .stripes }

    /// The name of the colour that is nearest to another one.
    static func nearest(_ color: ShapeColor, of list: [(name: String, color: ShapeColor)]) -> String {
        list.min { $0.color.squaredDistance(to: color) < $1.color.squaredDistance(to: color) }!.name
    }
}
