/// Data for the page's template, which escapes all texts except SVG.
struct PageModel {
    /// A number as displayed, with the value that the JSON has.
    struct Number {
        let value: String
        let text: String

        init(_ value: Double, _ text: String) { (self.value, self.text) = ("\(value)", text) }
        init(_ value: Double) { self.init(value, NumberText.short(value)) }
    }

    struct Cell {
        /// The number; nil if it does not apply or is unknown.
        let number: Number?
        var low: Number?
        var high: Number?
    }

    /// A pipeline's name with its marker.
    struct Name {
        let name: String
        let mark: String
        var text = ""
    }

    struct RowGroup {
        let title: String
        let rows: [Row]
    }

    struct Row {
        let head: String
        var mark: String?
        let cells: [Cell]
    }

    struct Table {
        let title: String
        let heads: [Name]
        let rows: [Row]
    }

    struct TextRow {
        let head: String
        let cells: [String]
    }

    /// A row of images.
    struct Strip {
        let name: Name
        let addresses: [String]
        let description: String
    }

    /// An image with its size on the page.
    struct Zoom {
        let address: String
        let width: Int
        let height: Int
    }

    struct StripRow {
        let head: String
        let strips: [Strip]
    }

    struct Grid {
        let title: String
        var columns: Int
        let names: [Name]
        let rows: [StripRow]
    }

    struct Figure {
        let title: String
        let svg: String
    }

    struct ChartGroup {
        let title: String
        let note: String
        let figures: [Figure]
    }

    struct RoundTrip {
        let name: Name
        let text: String
        let zooms: [Zoom]
    }

    let title: String
    let summary: String
    let isEqual: Bool
    let unequal: [TextRow]
    let missing: Int
    let hasMissing: Bool
    let notices: [String]
    let pipelines: [Name]
    let measured: [Table]
    let measuredNote: String
    let definitions: [TextRow]
    let grids: [Grid]
    let gridNote: String
    let costHeads: [Name]
    let costs: [RowGroup]
    let costNote: String
    let charts: [ChartGroup]
    let chartNote: String
    let roundTripTable: Table
    let roundTripNote: String
    let roundTrips: [RoundTrip]
    let spectra: [Figure]
    let spectraNote: String
    let trajectories: [Grid]
    let trajectoryNote: String
    let differing: [TextRow]
    let equal: [TextRow]
    let made: [TextRow]
}
