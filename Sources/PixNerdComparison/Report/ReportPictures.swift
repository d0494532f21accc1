import Foundation
import PixNerdImages
import PixNerdModels
import PixNerdSupport
import PixNerdTraining

/// Builds the images of a page.
struct ReportPictures {
    let results: ComparisonResults
    let comparison: PipelineComparison

    /// Side in page pixels of one image pixel.
    private static let zoom = 3
    /// Side in pixels of the crops of reconstructions.
    private static let zoomedSide = 32
    private static let zoomedPictures = 6
    /// Amplification of the differences.
    private static let magnification = 4

    private func name(_ place: Int) -> PageModel.Name {
        PageModel.Name(name: results.pipelines[place].name, mark: LineChart.legend(place))
    }

    var gridNote: String {
        let evaluation = comparison.settings.evaluation
        return
            "The first \(evaluation.perClass) images of up to \(evaluation.classes) classes, from the last step of "
            + "each pipeline; \(results.numbersOnly). They are not selected: seeds are consecutive from "
            + "\(evaluation.seed), and images in the same position have the same seed. Enlarged without smoothing."
    }

    /// Samples from the last steps with one guidance scale; nil if there are none.
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

    /// Reconstructions by pipelines that do not work on pixels.
    func roundTrips() throws -> [PageModel.RoundTrip] {
        try results.pipelines.enumerated().compactMap { place, pipeline in
            guard let record = pipeline.spaceRecord, record.parameters != nil else { return nil }
            let returned = try PictureArray.read(comparison.roundTripPath(pipeline.name))
            let originals = try PictureArray.read(comparison.originalsPath(pipeline.name))
            guard let first = originals.first, let second = returned.first, originals.count == returned.count,
                first.width == second.width, first.height == second.height
            else {
                throw PixNerdError(
                    .mismatch, "\(comparison.roundTripPath(pipeline.name))",
                    found: "holds other images than \(comparison.originalsPath(pipeline.name))",
                    advice: "remove its record in \(comparison.records.path), and run the comparison again")
            }
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
            let part = first.width > Self.zoomedSide ? "the centre of the image" : "the image"
            return PageModel.RoundTrip(
                name: name(place),
                text:
                    "From top to bottom: \(part), its reconstruction, and the difference, amplified "
                    + "\(Self.magnification) times around middle grey; enlarged \(Self.zoom) times. \(count) of "
                    + "\(record.roundTrip.generated.pictures ?? 0) images, sampled evenly.", zooms: zooms)
        }
    }

    var trajectoryNote: String {
        let steps = results.pipelines.lazy.compactMap { $0.trajectory?.steps }.first ?? []
        return
            "Predictions at steps \(steps.map(String.init).joined(separator: ", ")) of \(results.measuring.steps), "
            + "from noise on the left to the image on the right, "
            + "\(CostQuantity.guidanceTitle(results.measuring.guidance.max() ?? 1)), with the same seed for each "
            + "pipeline. Each row is a single sample."
    }

    /// Name of a class in the checkpoints.
    private func className(_ label: Int) -> String {
        let runs = results.pipelines.compactMap { try? DenoiserCheckpoint(path: $0.run) }
        let names = runs.lazy.compactMap(\.classNames).first ?? []
        return names.indices.contains(label) ? names[label] : "class \(label)"
    }

    /// One grid per image, with a row for each pipeline.
    func trajectories() throws -> [PageModel.Grid] {
        let places = results.pipelines.indices.filter { results.pipelines[$0].trajectory != nil }
        guard let first = places.first, let shown = results.pipelines[first].trajectory else { return [] }
        let frames = try places.map { try PictureArray.read(comparison.trajectoryPath(results.pipelines[$0].name)) }
        return try zip(shown.labels, shown.seeds).enumerated().map { picture, sample in
            let rows = try zip(places, frames).compactMap { place, frames -> PageModel.StripRow? in
                guard let own = results.pipelines[place].trajectory else { return nil }
                let part = Array(frames.dropFirst(picture * own.steps.count).prefix(own.steps.count))
                guard own.seeds.indices.contains(picture), part.count == own.steps.count else { return nil }
                return PageModel.StripRow(
                    head: results.pipelines[place].name,
                    strips: [try strip(name(place), part, "denoising trajectory of \(results.pipelines[place].name)")])
            }
            return PageModel.Grid(
                title: "\(shown.prompts?[picture] ?? className(sample.0)), seed \(sample.1)", columns: 1, names: [],
                rows: rows)
        }
    }
}
