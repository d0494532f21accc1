import Foundation
import PixNerdComparison
import PixNerdModels
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

#if canImport(FoundationXML)
    import FoundationXML
#endif

/// The page of a comparison.
@Suite struct ReportPageTests {
    private let command = "pixnerd compare 'a <b>.yaml'"

    private func written(_ comparison: PipelineComparison, _ tiny: TinyComparison) throws -> (page: String, json: Data)
    {
        let paths = try comparison.writeReport(command: command)
        #expect(paths == ["html", "json"].map { "\(tiny.directory)/tiny/report.\($0)" })
        return (
            try String(contentsOfFile: paths[0], encoding: .utf8), try Data(contentsOf: URL(fileURLWithPath: paths[1]))
        )
    }

    /// All numbers in JSON, and texts that stand for such.
    private func numbers(_ value: Any) -> Set<Double> {
        switch value {
        case let object as [String: Any]: object.values.reduce(into: []) { $0.formUnion(numbers($1)) }
        case let array as [Any]: array.reduce(into: []) { $0.formUnion(numbers($1)) }
        case let number as NSNumber: [number.doubleValue]
        case "inf" as String: [.infinity]
        default: []
        }
    }

    @Test func aWholeComparisonStandsOnThePage() throws {
        try TinyComparison.with { tiny in
            let comparison = try tiny.comparison()
            try tiny.run(comparison)
            let (page, json) = try written(comparison, tiny)
            let reading = try PageReading(page)
            #expect(
                reading.headings == [
                    "tiny", "Distance to real images", "Samples from the same seeds", "Training curves", "Cost",
                    "Reconstruction", "Power spectra", "Denoising trajectories", "Configuration", "Provenance",
                ])
            #expect(
                page.contains("<strong>Equal.</strong>") && !page.contains("Not equal")
                    && !page.contains("Not finished"))
            for part in [
                "N = 8 sampled images against 16", "N = 8 sampled and 16 real images", "N = 6 images", "baseline",
                "unguided", "guidance 2.5", "pixnerd compare &#39;a &lt;b&gt;.yaml&#39;", "pixnerd of the tests",
                "amplified 4 times", "enlarged 3 times", "circle, seed 0", "heart, seed 2", "images 0 to 7",
            ] {
                #expect(reading.text.contains(part.unescaped), "\(part)")
            }
            // Charts: three measures over three axes by two guidances, and the spectra.
            #expect(reading.count("svg", of: "img") == 3 * 3 * 2 + 2)
            // Of each pipeline a picture of four classes by two guidances; six round trips; three ways of three steps.
            #expect(reading.count("img", of: nil) == 3 * 4 * 2 + 6 + 3 * 3 * 3)
            // What Foundation reads back from JSON may be off in the last bits.
            func digits(_ value: Double) -> String { String(format: "%.12g", value) }
            let known = Set(numbers(try JSONSerialization.jsonObject(with: json)).map(digits))
            #expect(reading.values.count > 100)
            let unknown = reading.values.filter { !known.contains(digits($0)) }
            #expect(unknown == [], "not in the JSON")
            try checkMeasures(comparison.results(command: command), reading)
        }
    }

    /// That the numbers of the last steps are shown, and not only any.
    private func checkMeasures(_ results: ComparisonResults, _ reading: PageReading) throws {
        let shown = Set(reading.values)
        for pipeline in results.pipelines {
            for point in pipeline.points where point.step == 4 {
                for name in ["swd", "spectrum", "seam_4"] {
                    let measure = try #require(point.evaluation[name])
                    let end = try #require(measure.interval?[1])
                    let isShown = shown.contains(measure.value) && shown.contains(end)
                    #expect(isShown, "\(name) of \(pipeline.name)")
                }
            }
            let (seconds, ratio) = (pipeline.training?.seconds, pipeline.spaceRecord?.roundTrip["psnr"]?.value)
            let areShown = shown.contains(seconds ?? .nan) && shown.contains(ratio ?? .nan)
            #expect(areShown, "\(pipeline.name)")
        }
    }

    @Test func featuresAreComparedWhereThereAreWeights() throws {
        try TinyComparison.with { tiny in
            let comparison = try tiny.comparison([
                "evaluation.features=\(Fixtures.path("dinov2/transformers"))", "evaluation.network=dinov2",
                "evaluation.checkpoints=4",
            ])
            let wanted = ["training", "space", "guidance-1.0.samples", "guidance-1.0.evaluation"].map { "." + $0 }
            for unit in comparison.units where unit.pipeline == "field" && wanted.contains(where: unit.name.hasSuffix) {
                #expect(try comparison.perform(unit, shouldStop: { false }))
            }
            let point = try #require(comparison.results(command: "").pipelines[0].points.first)
            #expect(point.evaluation.features?.network.contains("DINOv2") == true)
            #expect(point.evaluation["fid"]?.floor != nil)
            let text = try PageReading(written(comparison, tiny).page).text
            for part in ["Fréchet distance", "Kernel distance", "Precision", "Recall", "DINOv2 of width 24", "hash "] {
                #expect(text.contains(part), "\(part)")
            }
            #expect(!text.contains("only pixels are measured"))
        }
    }

    @Test func nothingIsFetchedFromElsewhere() throws {
        try TinyComparison.with { tiny in
            let comparison = try tiny.comparison()
            for unit in comparison.units.prefix(8) {
                #expect(try comparison.perform(unit, shouldStop: { false }))
            }
            let page = try written(comparison, tiny).page
            for word in ["http", "<script", "<link", "url(", "@import", "<iframe", "<object", "//"] {
                let outside = page.replacing(/data:image\/png;base64,[A-Za-z0-9+\/=]*/, with: "")
                #expect(!outside.contains(word), "\(word)")
            }
            for source in try PageReading(page).sources { #expect(source.hasPrefix("data:image/png;base64,iVBOR")) }
            #expect(page.contains("prefers-color-scheme: dark") && page.contains("width=device-width"))
        }
    }

    @Test(arguments: [
        ("pipelines.linear.data.crop=random", "data.crop", "center in field, random in linear, center in latent"),
        ("pipelines.latent.training.steps=2", "training.steps", "4 in field, 4 in linear, 2 in latent"),
        ("pipelines.field.seed=8", "seed", "8 in field, 3 in linear, 3 in latent"),
    ])
    func whatIsNotEqualIsMarkedAtTheTop(setting: String, key: String, values: String) throws {
        try TinyComparison.with { tiny in
            let comparison = try tiny.comparison([setting])
            let (page, json) = try written(comparison, tiny)
            let banner = try #require(page.range(of: "<strong>Not equal.</strong>"))
            let first = try #require(page.range(of: "<h2>"))
            #expect(banner.upperBound < first.lowerBound)
            let top = try PageReading(page).text.components(separatedBy: "Distance to real images")[0]
            #expect(top.contains("\(key): \(values)"))
            #expect(!page.contains("<strong>Equal.</strong>"))
            let object = try #require(try JSONSerialization.jsonObject(with: json) as? [String: Any])
            #expect(object["isEqual"] as? Bool == false)
            let unequal = try #require(object["unequal"] as? [[String: Any]])
            #expect(unequal.map { $0["key"] as? String } == [key])
            #expect(comparison.summary.contains("NOT EQUAL: \(key) is \(values)."))
        }
    }

    @Test func whatIsNotFinishedSaysSo() throws {
        try TinyComparison.with { tiny in
            let page = try written(try tiny.comparison(), tiny).page
            let text = try PageReading(page).text
            #expect(text.contains("Not finished. 34 units of work remain."))
            #expect(text.contains("Nothing has been measured yet."))
        }
    }

    @Test func namesCannotBreakThePage() throws {
        try TinyComparison.with { tiny in
            let text = tiny.text.replacingOccurrences(of: "name: tiny", with: "name: 'tiny'")
            let comparison = try tiny.comparison(["evaluation.reference=\(tiny.directory)/<i>&\"shapes"], text: text)
            let page = try written(comparison, tiny).page
            #expect(try PageReading(page).text.contains("<i>&\"shapes"))
            #expect(!page.contains("<i>&"))
        }
    }
}

extension String {
    fileprivate var unescaped: String {
        replacingOccurrences(of: "&#39;", with: "'").replacingOccurrences(of: "&lt;", with: "<")
            .replacingOccurrences(of: "&gt;", with: ">")
    }
}

/// A page as a parser of XML reads it.
private final class PageReading: NSObject, XMLParserDelegate {
    private(set) var text = ""
    private(set) var headings: [String] = []
    /// Values of the `data` elements.
    private(set) var values: [Double] = []
    private(set) var sources: [String] = []
    private var elements: [(name: String, role: String?)] = []
    private var heading: String?
    private var ignored = 0

    init(_ page: String) throws {
        super.init()
        let parser = XMLParser(data: Data(page.utf8))
        parser.delegate = self
        guard parser.parse() else {
            throw parser.parserError ?? PixNerdError(.malformed, found: "the page cannot be parsed")
        }
    }

    func count(_ name: String, of role: String?) -> Int { elements.count { $0.name == name && $0.role == role } }

    func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
        attributes: [String: String]
    ) {
        elements.append((name, attributes["role"]))
        if name == "style" { ignored += 1 }
        if ["h1", "h2"].contains(name) { heading = "" }
        if name == "img" { sources.append(attributes["src"] ?? "") }
        guard name == "data" else { return }
        values.append(Double(attributes["value"] ?? "") ?? .nan)
    }

    func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
        if name == "style" { ignored -= 1 }
        guard ["h1", "h2"].contains(name), let own = heading else { return }
        headings.append(own)
        heading = nil
    }

    func parser(_ parser: XMLParser, foundCharacters string: String) {
        guard ignored == 0 else { return }
        text += string
        heading? += string
    }
}
