import Foundation
import PixNerdEvaluation

/// Builds the charts of a page.
struct ReportCharts {
    let results: ComparisonResults

    var note: String {
        "Each measure over steps, over training time, and over floating-point operations of training, on the machine "
            + "named below; vertical bars are 95 % intervals. Time and operations include the training of "
            + "autoencoders, shown as a thick line on the axis. Dashed: the baseline, the same "
            + "measure between two halves of the real images."
    }

    /// An x-axis for training curves.
    private struct Axis {
        let title: String
        let value: (PipelineResult.Point) -> Double
        /// Cost incurred before the first step.
        let charge: (PipelineResult) -> Double
    }

    private var axes: [Axis] {
        let points = results.pipelines.flatMap(\.points)
        let isLong = (points.map(\.seconds).max() ?? 0) > 600
        let time = isLong ? ("minutes", 60.0) : ("seconds", 1.0)
        let most = points.map(\.operations).filter(\.isFinite).max() ?? 1
        let power = Int(log10(max(most, 1))) / 3 * 3
        let scale = pow(10, Double(power))
        return [
            Axis(title: "steps", value: { Double($0.step) }, charge: { _ in 0 }),
            Axis(
                title: "\(time.0) of training", value: { $0.seconds / time.1 },
                charge: { ($0.autoencoderTraining?.seconds ?? 0) / time.1 }),
            Axis(
                title: "10\(Self.superscript(power)) floating-point operations", value: { $0.operations / scale },
                charge: { ($0.autoencoderTraining.map { $0.operations(at: $0.steps) } ?? 0) / scale }),
        ]
    }

    private static func superscript(_ number: Int) -> String {
        let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
        return String(String(number).compactMap { $0.wholeNumberValue.map { digits[$0] } })
    }

    var groups: [PageModel.ChartGroup] {
        let measures = results.pipelines.lazy.compactMap { $0.points.last?.evaluation }.first?.measures ?? []
        return measures.filter { MeasureText.isCharted($0.name) }.map { measure in
            PageModel.ChartGroup(
                title: MeasureText.title(measure), note: MeasureText.definition(measure.name)?.text ?? "",
                figures: results.measuring.guidance.flatMap { guidance in
                    axes.map { figure(measure, over: $0, guidance: guidance) }
                })
        }
    }

    private func figure(
        _ measure: EvaluationReport.Measure, over axis: Axis, guidance: Float
    ) -> PageModel.Figure {
        let lines = results.pipelines.enumerated().map { place, pipeline in
            let points = pipeline.points(guidance: guidance).compactMap { point -> LineChart.Point? in
                guard let found = point.evaluation[measure.name], found.value.isFinite else { return nil }
                let interval = found.interval.flatMap { $0.count == 2 && $0[0] <= $0[1] ? $0[0]...$0[1] : nil }
                return LineChart.Point(x: axis.value(point), y: found.value, interval: interval)
            }
            return LineChart.Line(
                name: pipeline.name, place: place, points: points,
                charge: points.isEmpty ? 0 : axis.charge(pipeline))
        }
        let floor = results.pipelines.lazy.compactMap { $0.points.last?.evaluation[measure.name]?.floor }.first
        let title = "\(CostQuantity.guidanceTitle(guidance)), over \(axis.title)"
        let chart = LineChart(
            title: "\(MeasureText.title(measure)), \(title)", xTitle: axis.title, yTitle: MeasureText.title(measure),
            lines: lines, level: floor.map { ($0, "baseline") }, yHolds: values(measure.name))
        return PageModel.Figure(title: title, svg: chart.svg)
    }

    /// All values of a measure, with the ends of their intervals.
    private func values(_ name: String) -> [Double] {
        results.pipelines.flatMap(\.points).compactMap { $0.evaluation[name] }.flatMap {
            [$0.value] + ($0.interval ?? [])
        }
    }

    var spectraNote: String {
        "Mean power of the brightness by the number of periods along a side, in squared grey levels, with logarithmic "
            + "axes; last steps, " + results.numbersOnly + ". Black or white: the real images."
    }

    var spectra: [PageModel.Figure] {
        results.measuring.guidance.compactMap { guidance in
            let last = results.pipelines.map { $0.points(guidance: guidance).last?.evaluation.spectra }
            guard let real = last.lazy.compactMap({ $0?.real }).first else { return nil }
            func points(_ powers: [Double]) -> [LineChart.Point] {
                powers.enumerated().filter { $0.element > 0 }.map {
                    LineChart.Point(x: Double($0.offset + 1), y: $0.element)
                }
            }
            let lines = last.enumerated().compactMap { place, spectra in
                spectra.map {
                    LineChart.Line(name: results.pipelines[place].name, place: place, points: points($0.generated))
                }
            }
            let title = CostQuantity.guidanceTitle(guidance)
            let chart = LineChart(
                title: "Power spectrum, \(title)", xTitle: "periods along a side", yTitle: "power",
                xScale: .logarithmic, yScale: .logarithmic,
                lines: [LineChart.Line(name: "real", place: nil, points: points(real))] + lines, hasMarkers: false)
            return PageModel.Figure(title: title, svg: chart.svg)
        }
    }
}

extension ComparisonResults {
    /// Numbers of images, such as `N = 500 sampled and 1000 real images`.
    var numbersOnly: String {
        let report = pipelines.lazy.compactMap { $0.points.last?.evaluation }.first
        return "N = \(report?.generated.pictures ?? 0) sampled and \(report?.real.pictures ?? 0) real images"
    }
}
