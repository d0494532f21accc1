import Foundation

/// A line chart as SVG, sized for a phone: thin grid, each line labelled at its end, and a marker shape as well as a
/// colour for each line.
///
/// Colours are CSS variables of the page, for light and dark mode.
struct LineChart {
    struct Point {
        let x: Double
        let y: Double
        var interval: ClosedRange<Double>?
    }

    struct Line {
        let name: String
        /// Index of the pipeline, which determines colour and marker; nil for a line that belongs to none.
        let place: Int?
        let points: [Point]
        /// Cost on the x-axis that was incurred before the line begins.
        var charge: Double = 0
    }

    /// Description of the chart for screen readers.
    let title: String
    let xTitle: String
    let yTitle: String
    var xScale = ChartAxis.Scale.linear
    var yScale = ChartAxis.Scale.linear
    let lines: [Line]
    /// A horizontal line with its label.
    var level: (value: Double, name: String)?
    /// Further values that the y-axis must span, so that adjacent charts have the same axis.
    var yHolds: [Double] = []
    /// Whether points are drawn with markers.
    var hasMarkers = true

    private static let size = (width: 360.0, height: 232.0)
    private static let frame = (left: 40.0, right: 82.0, top: 24.0, bottom: 36.0)
    private static let textHeight = 12.0
    /// Longest name of a line that fits; longer ones end with an ellipsis.
    private static let longestName = 13

    var svg: String {
        let points = lines.flatMap(\.points)
        let bounds = hasMarkers ? points.flatMap { $0.interval.map { [$0.lowerBound, $0.upperBound] } ?? [] } : []
        let x = ChartAxis(xScale, holding: points.map(\.x) + lines.map(\.charge))
        let y = ChartAxis(yScale, holding: points.map(\.y) + bounds + yHolds + [level?.value].compactMap { $0 })
        let (size, frame) = (Self.size, Self.frame)
        func across(_ value: Double) -> Double { frame.left + x.place(value) * (size.width - frame.left - frame.right) }
        func down(_ value: Double) -> Double {
            size.height - frame.bottom - y.place(value) * (size.height - frame.top - frame.bottom)
        }
        var parts = [
            "<svg viewBox=\"0 0 \(Int(size.width)) \(Int(size.height))\" role=\"img\" aria-label=\"\(escaped(title))\">"
        ]
        parts.append(text(yTitle, 2, 12, "title"))
        for tick in y.ticks(about: 4) {
            parts.append(line((frame.left, down(tick)), (size.width - frame.right, down(tick)), "grid"))
            parts.append(text(ChartAxis.label(tick), frame.left - 5, down(tick) + 4, "end"))
        }
        for tick in x.ticks(about: 4) {
            parts.append(
                line((across(tick), size.height - frame.bottom), (across(tick), size.height - frame.bottom + 4), "axis")
            )
            parts.append(text(ChartAxis.label(tick), across(tick), size.height - frame.bottom + 16, "middle"))
        }
        let bottom = size.height - frame.bottom
        parts.append(line((frame.left, bottom), (size.width - frame.right, bottom), "axis"))
        parts.append(
            text(xTitle, (frame.left + size.width - frame.right) / 2, size.height - 5, "title middle"))
        var names: [(y: Double, text: String, color: String)] = []
        if let level {
            parts.append(line((frame.left, down(level.value)), (size.width - frame.right, down(level.value)), "level"))
            names.append((down(level.value), level.name, "plain"))
        }
        for drawn in lines {
            let color = drawn.place.map { "c\($0 % Self.colors)" } ?? "plain"
            if drawn.charge > 0 {
                parts.append(line((frame.left, bottom), (across(drawn.charge), bottom), "charge \(color)"))
            }
            let places = drawn.points.map { (across($0.x), down($0.y)) }
            let path = places.map { "\(Self.number($0.0)),\(Self.number($0.1))" }.joined(separator: " ")
            parts.append("<polyline class=\"line \(color)\" points=\"\(path)\"/>")
            if hasMarkers {
                for (point, place) in zip(drawn.points, places) {
                    if let interval = point.interval {
                        let ends = (down(max(interval.lowerBound, y.range.lowerBound)), down(interval.upperBound))
                        parts.append(line((place.0, ends.0), (place.0, ends.1), "interval \(color)"))
                    }
                    if let own = drawn.place { parts.append(Self.marker(own, at: place)) }
                }
            }
            let isLong = drawn.name.count > Self.longestName
            let name = isLong ? drawn.name.prefix(Self.longestName - 1) + "…" : drawn.name[...]
            if let last = places.last { names.append((last.1, String(name), color)) }
        }
        for name in apart(names) {
            parts.append(text(name.text, size.width - frame.right + 7, name.y + 4, "name \(name.color)"))
        }
        return (parts + ["</svg>"]).joined(separator: "\n")
    }

    /// Number of colours that page.css defines.
    static let colors = 6

    /// Moves labels that overlap apart, as little as their order allows.
    private func apart(
        _ names: [(y: Double, text: String, color: String)]
    ) -> [(y: Double, text: String, color: String)] {
        var sorted = names.sorted { $0.y < $1.y }
        let limits = (Self.frame.top, Self.size.height - Self.frame.bottom)
        // Down to make room, then back up if that went past the end.
        for place in sorted.indices {
            let least = place == 0 ? limits.0 : sorted[place - 1].y + Self.textHeight
            sorted[place].y = max(sorted[place].y, least)
        }
        for place in sorted.indices.reversed() {
            let most = place == sorted.count - 1 ? limits.1 : sorted[place + 1].y - Self.textHeight
            sorted[place].y = min(sorted[place].y, most)
        }
        return sorted
    }

    /// The marker of a pipeline alone, for legends.
    static func legend(_ place: Int) -> String {
        "<svg class=\"legend\" viewBox=\"0 0 12 12\" aria-hidden=\"true\">\(marker(place, at: (6, 6)))</svg>"
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    private func line(_ from: (Double, Double), _ to: (Double, Double), _ kind: String) -> String {
        "<line class=\"\(kind)\" x1=\"\(Self.number(from.0))\" y1=\"\(Self.number(from.1))\" "
            + "x2=\"\(Self.number(to.0))\" y2=\"\(Self.number(to.1))\"/>"
    }

    private func text(_ text: String, _ x: Double, _ y: Double, _ kind: String) -> String {
        "<text class=\"\(kind)\" x=\"\(Self.number(x))\" y=\"\(Self.number(y))\">\(escaped(text))</text>"
    }

    /// Marker of a pipeline: a circle, a square, a triangle or a diamond.
    private static func marker(_ place: Int, at point: (Double, Double)) -> String {
        let (x, y) = point
        let color = "c\(place % colors)"
        func shape(_ corners: [(Double, Double)]) -> String {
            let path = corners.map { "\(number(x + $0.0)),\(number(y + $0.1))" }.joined(separator: " ")
            return "<polygon class=\"marker \(color)\" points=\"\(path)\"/>"
        }
        switch place % 4 {
        case 0: return "<circle class=\"marker \(color)\" cx=\"\(number(x))\" cy=\"\(number(y))\" r=\"3.4\"/>"
        case 1: return shape([(-3.1, -3.1), (3.1, -3.1), (3.1, 3.1), (-3.1, 3.1)])
        case 2: return shape([(0, -4.2), (4, 3.2), (-4, 3.2)])
        default: return shape([(0, -4.4), (4.4, 0), (0, 4.4), (-4.4, 0)])
        }
    }
}
