import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdTraining

/// The images of a page.
struct ReportPictures {
    let results: ComparisonResults
    let comparison: PipelineComparison

    /// Of the image in the page, a side of a pixel of the sampled one.
    private static let zoom = 3
    /// Sides of what is cut out of round trips.
    private static let zoomedSide = 32
    private static let zoomedPictures = 6
    /// How many times as strong differences are shown.
    private static let magnification = 4

    private func name(_ place: Int) -> PageModel.Name {
        PageModel.Name(name: results.pipelines[place].name, mark: LineChart.legend(place))
    }

    var gridNote: String {
        let evaluation = comparison.settings.evaluation
        return
            "The first \(evaluation.perClass) pictures of up to \(evaluation.classes) classes, from the last step of each "
            + "pipeline; \(results.numbersOnly). Nothing was chosen: seeds count on from \(evaluation.seed), and pictures "
            + "that stand in the same place begin with the same seed. Enlarged without smoothing."
    }

    /// Images of the last steps of one guidance; nil where there are none.
    func grid(guidance: Float) throws -> PageModel.Grid? {
        let evaluation = comparison.settings.evaluation
        var names: [PageModel.Name] = []
        var classes: [String] = []
        var columns: [[String: [RGBImage]]] = []
        for (place, pipeline) in results.pipelines.enumerated() {
            guard let point = pipeline.points(guidance: guidance).last else { continue }
            var byClass: [String: [RGBImage]] = [:]
            for (name, picture) in try InlinePictures.sampled(
                comparison.samplesPath(pipeline.name, point.step, guidance))
            {
                if !classes.contains(name), classes.count < evaluation.classes { classes.append(name) }
                if byClass[name, default: []].count < evaluation.perClass { byClass[name, default: []].append(picture) }
            }
            names.append(name(place))
            columns.append(byClass)
        }
        guard !names.isEmpty else { return nil }
        let rows = try classes.map { label in
            PageModel.StripRow(
                head: label,
                strips: try zip(names, columns).compactMap { name, column in
                    try column[label].map { try strip(name, $0, "\(label), by \(name.name)") }
                })
        }
        return PageModel.Grid(
            title: CostQuantity.guidanceTitle(guidance), columns: names.count, names: names, rows: rows)
    }

    private func strip(_ name: PageModel.Name, _ pictures: [RGBImage], _ text: String) throws -> PageModel.Strip {
        PageModel.Strip(name: name, addresses: try pictures.map(InlinePictures.address), description: text)
    }

    /// Round trips of pipelines whose space is not pixels.
    func roundTrips() throws -> [PageModel.RoundTrip] {
        try results.pipelines.enumerated().compactMap { place, pipeline in
            guard let record = pipeline.spaceRecord, record.parameters != nil else { return nil }
            let returned = try PictureArray.read(comparison.roundTripPath(pipeline.name))
            let originals = try PictureArray.read(comparison.originalsPath(pipeline.name))
            let count = min(Self.zoomedPictures, returned.count)
            let zooms = try (0..<count).map { index in
                let at = index * returned.count / count
                let (before, after) = (
                    InlinePictures.middle(originals[at], side: Self.zoomedSide),
                    InlinePictures.middle(returned[at], side: Self.zoomedSide)
                )
                let column = InlinePictures.column([
                    before, after, InlinePictures.difference(after, before, times: Self.magnification),
                ])
                return PageModel.Zoom(
                    address: try InlinePictures.address(column), width: column.width * Self.zoom,
                    height: column.height * Self.zoom)
            }
            let part = originals[0].width > Self.zoomedSide ? "the middle of the picture" : "the picture"
            return PageModel.RoundTrip(
                name: name(place),
                text:
                    "From top to bottom \(part), what came back, and the difference, \(Self.magnification) times as strong "
                    + "about middle grey; enlarged \(Self.zoom) times. \(count) of \(record.roundTrip.generated.pictures ?? 0) "
                    + "pictures, taken evenly.", zooms: zooms)
        }
    }

    var trajectoryNote: String {
        let steps = results.pipelines.lazy.compactMap { $0.trajectory?.steps }.first ?? []
        return
            "What is predicted at steps \(steps.map(String.init).joined(separator: ", ")) of \(results.measuring.steps), from "
            + "noise at the left to the picture at the right, \(CostQuantity.guidanceTitle(results.measuring.guidance.max() ?? 1)): the same "
            + "seed for each pipeline, N = 1 in a row."
    }

    /// As the checkpoints call it.
    private func className(_ label: Int) -> String {
        let runs = results.pipelines.compactMap { try? DenoiserCheckpoint(path: $0.run) }
        let names = runs.lazy.compactMap(\.classNames).first ?? []
        return names.indices.contains(label) ? names[label] : "class \(label)"
    }

    /// A grid for each image, with a row for each pipeline.
    func trajectories() throws -> [PageModel.Grid] {
        let places = results.pipelines.indices.filter { results.pipelines[$0].trajectory != nil }
        guard let first = places.first, let shown = results.pipelines[first].trajectory else { return [] }
        let frames = try places.map { try PictureArray.read(comparison.trajectoryPath(results.pipelines[$0].name)) }
        return try shown.seeds.indices.map { picture in
            let rows = try zip(places, frames).compactMap { place, frames -> PageModel.StripRow? in
                guard let own = results.pipelines[place].trajectory, own.seeds.indices.contains(picture) else {
                    return nil
                }
                let part = Array(frames[picture * own.steps.count..<(picture + 1) * own.steps.count])
                return PageModel.StripRow(
                    head: results.pipelines[place].name,
                    strips: [try strip(name(place), part, "the way from noise, by \(results.pipelines[place].name)")])
            }
            return PageModel.Grid(
                title: "\(className(shown.labels[picture])), seed \(shown.seeds[picture])", columns: 1, names: [],
                rows: rows
            )
        }
    }
}
