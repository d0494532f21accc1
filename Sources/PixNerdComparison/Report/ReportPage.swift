import Foundation
import Mustache
import PixNerdEvaluation
import PixNerdImages

/// Builds the page of a comparison. It is self-contained: style, charts and images are embedded.
struct ReportPage {
    let results: ComparisonResults
    let comparison: PipelineComparison

    /// - Throws: `PixNerdError` if images cannot be read.
    func html() throws -> String {
        let library = MustacheLibrary(templates: [
            "page": try MustacheTemplate(string: Self.text(PackageResources.page_mustache)),
            "cell": try MustacheTemplate(string: Self.text(PackageResources.cell_mustache)),
            "grid": try MustacheTemplate(string: Self.text(PackageResources.grid_mustache)),
        ])
        let page: [String: Any] = [
            "title": results.name, "style": Self.text(PackageResources.page_css), "model": try model(),
        ]
        guard let html = library.render(page, withTemplate: "page") else {
            preconditionFailure("ReportPage: the template is not in its library")
        }
        return html
    }

    /// Text of an embedded file, without its final newline.
    private static func text(_ file: [UInt8]) -> String {
        String(decoding: file.last == UInt8(ascii: "\n") ? file.dropLast() : file[...], as: UTF8.self)
    }

    private func model() throws -> PageModel {
        let charts = ReportCharts(results: results)
        let pictures = ReportPictures(results: results, comparison: comparison)
        return PageModel(
            title: results.name, summary: summary, isEqual: results.isEqual,
            unequal: results.unequal.map { PageModel.TextRow(head: $0.key, cells: [$0.valuesText]) },
            missing: results.missing.count, hasMissing: !results.missing.isEmpty, notices: notices,
            pipelines: results.pipelines.indices.map { place in name(place, text: text(results.pipelines[place])) },
            measured: measures.isEmpty ? [] : results.measuring.guidance.map(measured),
            measuredNote: results.numbersNote,
            definitions: measures.compactMap { MeasureText.definition($0.name) }.map {
                PageModel.TextRow(head: $0.title, cells: [$0.text])
            },
            grids: try results.measuring.guidance.compactMap(pictures.grid), gridNote: pictures.gridNote,
            costHeads: results.pipelines.indices.map { name($0) }, costs: costs,
            costNote: costNote, charts: charts.groups, chartNote: charts.note, roundTripTable: roundTripTable,
            roundTripNote: roundTripNote, roundTrips: try pictures.roundTrips(), spectra: charts.spectra,
            spectraNote: charts.spectraNote, trajectories: try pictures.trajectories(),
            trajectoryNote: pictures.trajectoryNote, differing: results.differing.map(Self.row),
            equal: results.equal.map {
                PageModel.TextRow(head: $0.key, cells: [$0.values.first.map { Self.shown($0.value) } ?? ""])
            }, made: made)
    }

    private func name(_ place: Int, text: String = "") -> PageModel.Name {
        PageModel.Name(name: results.pipelines[place].name, mark: LineChart.legend(place), text: text)
    }

    private static func shown(_ value: String) -> String { value.isEmpty ? "–" : value }

    private static func row(_ key: ComparedKey) -> PageModel.TextRow {
        PageModel.TextRow(head: key.key, cells: key.values.map { shown($0.value) })
    }

    private var summary: String {
        let size = results.pipelines.first?.points.first?.evaluation.size.map { " of \($0)" } ?? ""
        return
            "\(results.pipelines.count) pipelines generate images\(size) and are trained, sampled and evaluated "
            + "identically. They differ in the space that they work in, and in how tokens become pixels or latents."
    }

    private func text(_ pipeline: PipelineResult) -> String {
        let tokens = pipeline.tokens.map { "\($0) tokens" } ?? "an unknown number of tokens"
        let head = pipeline.head == "field" ? "one field of weights per patch" : "one matrix per patch"
        let space =
            pipeline.space == "pixel"
            ? "pixels"
            : pipeline.spaceRecord.map { "latents with \($0.channels) channels, f\($0.reduction)" } ?? "latents"
        return "\(space), \(head), \(tokens)"
    }

    private var notices: [String] {
        var found = results.pipelines.filter(\.hasUnknownCost).map {
            "The cost of training the autoencoder of \($0.name) is unknown and not included."
        }
        found += results.pipelines.filter(\.isTaken).map {
            "\($0.name) is an existing run: its training time and memory come from its own log."
        }
        for (uses, what) in [
            (comparison.pipelines.contains { $0.configuration.repa.isOn }, "encoder that features are aligned with"),
            (
                comparison.pipelines.contains { $0.autoencoder?.autoencoder.perceptual.isEmpty == false },
                "network of an autoencoder's perceptual loss"
            ),
        ] where uses {
            found.append("Floating-point operations of training exclude the \(what); times include it.")
        }
        if results.measuring.features == nil {
            found.append(
                "Without network weights only pixels are measured: texture, frequencies and seams, not content.")
        }
        return found
    }

    /// All measures of the last steps that the page shows, in the order of the evaluation.
    private var measures: [EvaluationReport.Measure] {
        let report = results.pipelines.lazy.compactMap { $0.points.last?.evaluation }.first
        return report?.measures.filter { MeasureText.isShown($0.name) } ?? []
    }

    private func measured(guidance: Float) -> PageModel.Table {
        let last = results.pipelines.map { $0.points(guidance: guidance).last }
        let steps = Set(last.compactMap { $0?.step }).sorted().map(String.init).joined(separator: ", ")
        var rows = last.enumerated().map { place, point in
            PageModel.Row(
                head: results.pipelines[place].name, mark: LineChart.legend(place),
                cells: measures.map { own in cell(point?.evaluation[own.name]) })
        }
        let floors = measures.map { own in
            PageModel.Cell(
                number: last.lazy.compactMap { $0?.evaluation[own.name]?.floor }.first.map { PageModel.Number($0) })
        }
        rows.append(PageModel.Row(head: "baseline", cells: floors))
        return PageModel.Table(
            title: "\(CostQuantity.guidanceTitle(guidance)), step \(steps)",
            heads: measures.map { PageModel.Name(name: MeasureText.title($0), mark: "") }, rows: rows)
    }

    private func cell(_ measure: EvaluationReport.Measure?) -> PageModel.Cell {
        guard let measure else { return PageModel.Cell(number: nil) }
        let interval = measure.interval.flatMap { $0.count == 2 ? $0 : nil }
        return PageModel.Cell(
            number: PageModel.Number(measure.value), low: interval.map { PageModel.Number($0[0]) },
            high: interval.map { PageModel.Number($0[1]) })
    }

    private var costs: [PageModel.RowGroup] {
        let known = results.costs.filter { $0.values.contains { $0 != nil } }
        var titles: [String] = []
        for quantity in known where !titles.contains(quantity.group) { titles.append(quantity.group) }
        return titles.map { title in
            PageModel.RowGroup(
                title: title,
                rows: known.filter { $0.group == title }.map { quantity in
                    PageModel.Row(
                        head: quantity.title,
                        cells: quantity.values.map { PageModel.Cell(number: $0.map(quantity.number)) })
                })
        }
    }

    private var costNote: String {
        "On \(results.machine.processor) with \(results.machine.threads) threads. Each unit of work ran in a process "
            + "of its own; peak memory is that process's largest resident memory. Training times are those of the "
            + "steps alone, over all sessions, without saving and evaluation, and depend on the load of the machine. "
            + "A multiply-add counts as two floating-point operations, and a backward pass as two forward passes."
    }

    private var roundTripTable: PageModel.Table {
        let names = ["psnr", "ssim", "spectrum", "fid"].filter { name in
            results.pipelines.contains { $0.spaceRecord?.roundTrip[name] != nil }
        }
        let titles = names.compactMap { name in
            results.pipelines.lazy.compactMap { $0.spaceRecord?.roundTrip[name] }.first.map(MeasureText.title)
        }
        return PageModel.Table(
            title: "", heads: titles.map { PageModel.Name(name: $0, mark: "") },
            rows: results.pipelines.enumerated().map { place, pipeline in
                PageModel.Row(
                    head: pipeline.name, mark: LineChart.legend(place),
                    cells: names.map { name in
                        PageModel.Cell(
                            number: pipeline.spaceRecord?.roundTrip[name].map { PageModel.Number($0.value) })
                    })
            })
    }

    private var roundTripNote: String {
        let count = results.pipelines.lazy.compactMap { $0.spaceRecord?.roundTrip.generated.pictures }.first ?? 0
        return
            "N = \(count) images of \(results.measuring.reference), encoded and decoded without diffusion: the best "
            + "that any model in that space can reach. Pixels are reconstructed exactly. PSNR and the distance "
            + "between spectra are in dB."
    }

    private var made: [PageModel.TextRow] {
        let (machine, measuring) = (results.machine, results.measuring)
        let interval = measuring.guidanceInterval.map { "\($0)" }.joined(separator: " to ")
        let rows = [
            ("command", results.command), ("program", results.program),
            (
                "machine",
                "\(machine.processor), \(machine.instructionSet), \(machine.threads) threads, "
                    + "\(NumberText.short(machine.memory)) GB"
            ), ("BLAS", "\(machine.blas), core \(machine.blasCore)"),
            (
                "sampling",
                "Euler, \(measuring.steps) steps, shift \(measuring.shift), guidance "
                    + measuring.guidance.map(NumberText.plain).joined(separator: ", ")
                    + " between times \(interval), EMA weights, \(measuring.batch) images at once"
            ),
            (
                "seeds",
                "images \(measuring.seed) to \(measuring.seed &+ UInt64(max(measuring.pictures, 1) - 1)), classes in "
                    + "turn; evaluation \(measuring.seed); training "
                    + (results.equal.first { $0.key == "seed" }?.values.first?.value ?? "as above")
            ), ("reference", "\(measuring.reference), at most \(measuring.referencePictures) images"),
            ("features", results.featuresText),
        ]
        return rows.map { PageModel.TextRow(head: $0.0, cells: [$0.1]) }
            + results.pipelines.map { PageModel.TextRow(head: $0.name, cells: [$0.run]) }
    }
}

extension PipelineComparison {
    /// The page with the results so far.
    func reportPage(_ results: ComparisonResults) throws -> String {
        try ReportPage(results: results, comparison: self).html()
    }
}

extension CostQuantity {
    fileprivate func number(_ value: Double) -> PageModel.Number {
        switch unit {
        case .count: PageModel.Number(value, NumberText.scaled(value))
        case .seconds: PageModel.Number(value, NumberText.duration(value))
        case .perSecond: PageModel.Number(value, NumberText.short(value))
        case .gigabytes: PageModel.Number(value, "\(NumberText.short(value))\u{a0}GB")
        }
    }
}

extension ComparisonResults {
    private var anyEvaluation: EvaluationReport? {
        pipelines.lazy.compactMap { $0.points.last?.evaluation }.first
    }

    /// Explanation of the numbers of images, the intervals and the baseline.
    var numbersNote: String {
        guard let report = anyEvaluation else { return "Nothing has been measured yet." }
        let (real, sampled) = (report.real.pictures ?? 0, report.generated.pictures ?? 0)
        return
            "N = \(sampled) sampled images against \(real) of \(measuring.reference). Below each number is its 95 % "
            + "interval over other draws of as many images, from \(report.resamples) resamples. The last row is the "
            + "baseline: the same measure between two halves of the real images, \(real / 2) each; distances up to it "
            + "are not significant. Values for different N cannot be compared."
    }

    var featuresText: String {
        guard let features = anyEvaluation?.features else { return "none: only pixels are measured" }
        return "\(features.network), \(features.weights), hash \(features.hash)"
    }
}
