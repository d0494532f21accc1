import Foundation
import Mustache
import PixNerdEvaluation
import PixNerdImages

/// The page of a comparison, which needs no other file: style, charts and images stand in it.
struct ReportPage {
    let results: ComparisonResults
    let comparison: PipelineComparison

    /// - Throws: one sentence where images cannot be read.
    func html() throws -> String {
        let library = MustacheLibrary(templates: [
            "page": try MustacheTemplate(string: pageTemplate), "cell": try MustacheTemplate(string: cellTemplate),
            "grid": try MustacheTemplate(string: gridTemplate),
        ])
        let page: [String: Any] = ["title": results.name, "style": pageStyle, "model": try model()]
        guard let html = library.render(page, withTemplate: "page") else {
            preconditionFailure("ReportPage: the template is not in its library")
        }
        return html
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
            "\(results.pipelines.count) pipelines learn to make pictures\(size), trained, sampled and measured alike: "
            + "what differs is the space that they work in, and how tokens become what is diffused."
    }

    private func text(_ pipeline: PipelineResult) -> String {
        let tokens = pipeline.tokens.map { "\($0) tokens" } ?? "an unknown number of tokens"
        let head = pipeline.head == "field" ? "a field of weights for each patch" : "one matrix for each patch"
        let space =
            pipeline.space == "pixel"
            ? "pixels"
            : pipeline.spaceRecord.map { "latents of \($0.channels) channels, f\($0.reduction)" } ?? "latents"
        return "\(space), \(head), \(tokens)"
    }

    private var notices: [String] {
        var found = results.pipelines.filter(\.hasUnknownCost).map {
            "What training the autoencoder of \($0.name) took is not known, and is not charged to it."
        }
        found += results.pipelines.filter(\.isTaken).map {
            "\($0.name) is a finished run that was taken: times and memory of its training are those of its own log."
        }
        for (uses, what) in [
            (comparison.pipelines.contains { $0.configuration.repa.isOn }, "encoder that tokens are aligned with"),
            (
                comparison.pipelines.contains { $0.autoencoder?.autoencoder.perceptual.isEmpty == false },
                "network of an autoencoder's perceptual loss"
            ),
        ] where uses {
            found.append("Floating-point operations of training do not count the \(what); times do.")
        }
        if results.measuring.features == nil {
            found.append(
                "Without the weights of a network only pixels are measured: texture, frequencies and seams, and not what "
                    + "pictures show.")
        }
        return found
    }

    /// Every measure of the last steps that the page shows, in the order of the evaluation.
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
        rows.append(PageModel.Row(head: "real with real", cells: floors))
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
        "On \(results.machine.processor) with \(results.machine.threads) threads. Every piece of work ran in a process of its "
            + "own, whose largest resident memory is its peak. Times of training are those of steps alone, over all "
            + "sessions, without saving and measuring, with whatever else the machine did meanwhile. A multiply-add is two floating-point operations, and a backward pass "
            + "counts as two forward passes."
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
            "N = \(count) pictures of \(results.measuring.reference), encoded and decoded without any diffusion: what no "
            + "model in that space can do better than. Pixels come back exactly. PSNR in dB, spectrum as distance in dB."
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
            ), ("products", "\(machine.blas), core \(machine.blasCore)"),
            (
                "sampling",
                "Euler, \(measuring.steps) steps, shift \(measuring.shift), guidance "
                    + measuring.guidance.map(NumberText.plain).joined(separator: ", ")
                    + " between times \(interval), moving average of the weights, \(measuring.batch) pictures at once"
            ),
            (
                "seeds",
                "pictures \(measuring.seed) to \(measuring.seed + UInt64(max(measuring.pictures, 1) - 1)), classes in turn; "
                    + "measures \(measuring.seed); training "
                    + (results.equal.first { $0.key == "seed" }?.values.first?.value ?? "as above")
            ), ("reference", "\(measuring.reference), at most \(measuring.referencePictures) pictures"),
            ("features", results.featuresText),
        ]
        return rows.map { PageModel.TextRow(head: $0.0, cells: [$0.1]) }
            + results.pipelines.map { PageModel.TextRow(head: $0.name, cells: [$0.run]) }
    }
}

extension PipelineComparison {
    /// The page of what has been found.
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

    /// How many images every number is of.
    var numbersNote: String {
        guard let report = anyEvaluation else { return "Nothing has been measured yet." }
        let (real, sampled) = (report.real.pictures ?? 0, report.generated.pictures ?? 0)
        return
            "N = \(sampled) sampled pictures against \(real) of \(measuring.reference). Below each number the interval "
            + "that holds 95 % of other draws of as many pictures, from \(report.resamples) resamples; at the bottom what "
            + "the same measure finds between two halves of the real pictures, \(real / 2) each, below which nothing can be "
            + "told. Numbers of other N cannot be compared with these."
    }

    var featuresText: String {
        guard let features = anyEvaluation?.features else { return "none: only pixels are measured" }
        return "\(features.network), \(features.weights), hash \(features.hash)"
    }
}
