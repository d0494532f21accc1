import PixNerdTensors

/// One or two shapes on a plain background, as a caption says, at places and sizes that it leaves open. Independent of
/// resolution.
struct CaptionedScene {
    let caption: ShapeCaption
    private let shapes: [(outline: PlacedOutline, color: ShapeColor)]
    private let background: ShapeColor

    /// Draws a caption and a picture for it.
    ///
    /// Eight pictures in 20 show a shape of middle size near the centre, 5 say its size, 3 its place, 1 both, and 3 show
    /// two shapes.
    ///
    /// - Parameter heldOut: what does not occur.
    init(drawnFrom stream: inout RandomStream, without heldOut: Set<ShapeCaption.Combination>) {
        self.init(Self.caption(drawnFrom: &stream, without: heldOut), drawnFrom: &stream)
    }

    /// Draws a picture for a caption.
    init(_ caption: ShapeCaption, drawnFrom stream: inout RandomStream) {
        self.caption = caption
        var placed: [PlacedOutline] = []
        if let (relation, other) = caption.second {
            placed = Self.pair(caption.first, relation, other, &stream)
        } else {
            let range = Self.radii(caption.first.size, hasPlace: caption.place != nil)
            let radius = stream.nextDouble(in: range)
            let center = Self.center(caption.place, radius, &stream)
            placed = [Self.outline(caption.first, center, radius, &stream)]
        }
        shapes = zip(placed, caption.things).map { outline, thing in
            (outline, ShapePalette.colors.first { $0.name == thing.combination.color }!.color)
        }
        background = ShapePalette.backgrounds.first { $0.name == caption.background }!.color
    }

    private static func caption(
        drawnFrom stream: inout RandomStream, without heldOut: Set<ShapeCaption.Combination>
    ) -> ShapeCaption {
        let kind = stream.nextInteger(below: 20)
        let background = stream.nextElement(of: ShapeCaption.backgrounds)
        let first = combination(drawnFrom: &stream, without: heldOut)
        if kind < 17 {
            let hasSize = (8..<13).contains(kind) || kind == 16
            let hasPlace = kind >= 13
            let size = hasSize ? stream.nextElement(of: ShapeCaption.Size.allCases) : nil
            let place = hasPlace ? stream.nextElement(of: ShapeCaption.Place.allCases) : nil
            return ShapeCaption(ShapeCaption.Thing(first, size: size), place: place, background: background)
        }
        let relation = stream.nextElement(of: ShapeCaption.Relation.allCases)
        let second = combination(drawnFrom: &stream, without: heldOut.union([first]))
        let sizes: [(ShapeCaption.Size?, ShapeCaption.Size?)] = [(nil, nil), (.small, .large), (.large, .small)]
        let (a, b) = stream.nextElement(of: sizes)
        return ShapeCaption(
            ShapeCaption.Thing(first, size: a), second: (relation, ShapeCaption.Thing(second, size: b)),
            background: background)
    }

    private static func combination(
        drawnFrom stream: inout RandomStream, without heldOut: Set<ShapeCaption.Combination>
    ) -> ShapeCaption.Combination {
        stream.nextElement(of: CaptionedShapes.combinations.filter { !heldOut.contains($0) })
    }

    /// The radii of the only shape of a picture.
    private static func radii(_ size: ShapeCaption.Size?, hasPlace: Bool) -> ClosedRange<Double> {
        switch (size, hasPlace) {
        case (nil, false): 0.28...0.35
        case (.small, false): 0.2...0.23
        case (.large, false): 0.4...0.43
        case (nil, true): 0.2...0.22
        case (.small, true): 0.16...0.18
        case (.large, true): 0.25...0.28
        }
    }

    /// The centre of the only shape of a picture.
    private static func center(
        _ place: ShapeCaption.Place?, _ radius: Double, _ stream: inout RandomStream
    ) -> (x: Double, y: Double) {
        // The shape stays a pixel of 32 away from the border.
        let margin = radius + 0.035
        let near = margin...max(margin, min(0.31, margin + 0.05))
        let far = 1 - near.upperBound...1 - near.lowerBound
        let slack = min(0.04, 0.5 - margin)
        let middle = 0.5 - slack...0.5 + slack
        let (x, y): (ClosedRange<Double>, ClosedRange<Double>) =
            switch place {
            case nil: (middle, middle)
            case .top: (middle, near)
            case .bottom: (middle, far)
            case .left: (near, middle)
            case .right: (far, middle)
            case .topLeft: (near, near)
            case .topRight: (far, near)
            case .bottomLeft: (near, far)
            case .bottomRight: (far, far)
            }
        return (stream.nextDouble(in: x), stream.nextDouble(in: y))
    }

    /// Two shapes beside or above each other, with a gap between them.
    private static func pair(
        _ first: ShapeCaption.Thing, _ relation: ShapeCaption.Relation, _ second: ShapeCaption.Thing,
        _ stream: inout RandomStream
    ) -> [PlacedOutline] {
        let radii = [first, second].map { thing -> Double in
            switch thing.size {
            case nil: stream.nextDouble(in: 0.18...0.205)
            case .small: stream.nextDouble(in: 0.14...0.16)
            case .large: stream.nextDouble(in: 0.23...0.26)
            }
        }
        let margin = 0.03
        let gap = 0.09
        let slack = 1 - 2 * margin - gap - 2 * (radii[0] + radii[1])
        let start = margin + stream.nextDouble(in: 0...0.5) * slack
        let between = gap + stream.nextDouble(in: 0...0.5) * slack
        // Along the line on which they lie: which of them comes first, and where.
        let order = relation == .above || relation == .leftOf ? [0, 1] : [1, 0]
        var along = [0.0, 0.0]
        along[order[0]] = start + radii[order[0]]
        along[order[1]] = start + 2 * radii[order[0]] + between + radii[order[1]]
        return zip([first, second], radii.indices).map { thing, number in
            let across = stream.nextDouble(in: 0.42...0.58)
            let isVertical = relation == .above || relation == .below
            return outline(
                thing, isVertical ? (across, along[number]) : (along[number], across), radii[number], &stream)
        }
    }

    private static func outline(
        _ thing: ShapeCaption.Thing, _ center: (x: Double, y: Double), _ radius: Double, _ stream: inout RandomStream
    ) -> PlacedOutline {
        // A rotation of at most 3 degrees.
        PlacedOutline(
            ShapeOutline(rawValue: thing.combination.shape)!, center: center, radius: radius,
            tangent: stream.nextDouble(in: -0.026...0.026))
    }

    /// Draws the scene, with sixteen samples per pixel.
    func rendered(size: Int) -> RGBImage {
        let pixels = [UInt8](unsafeUninitializedCapacity: size * size * 3) { buffer, count in
            for row in 0..<size {
                for column in 0..<size {
                    var shown = background
                    for (outline, color) in shapes {
                        shown = shown.mixed(
                            with: color, share: outline.coverage(column: column, row: row, size: size))
                    }
                    (buffer[count], buffer[count + 1], buffer[count + 2]) = shown.bytes
                    count += 3
                }
            }
        }
        return RGBImage(width: size, height: size, pixels: pixels)
    }
}

extension RandomStream {
    fileprivate mutating func nextElement<Element>(of list: [Element]) -> Element {
        list[nextInteger(below: list.count)]
    }
}
