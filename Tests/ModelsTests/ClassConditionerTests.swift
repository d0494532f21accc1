import PixNerdDiffusion
import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// What users may ask a model of classes and values for.
@Suite struct ClassConditionerTests {
    private static let names = ["cat", "dog", "c++", "cat+dog", "3"]
    private let age = TrainedValue(name: "age", mean: 40, deviation: 10, least: 3, most: 90)
    private let zoom = TrainedValue(name: "zoom, in x", mean: 1.5, deviation: 0.5, least: 1, most: 3)

    private func conditioner(takesSets: Bool, values: [TrainedValue] = []) throws -> ClassConditioner {
        try ClassConditioner(
            classes: 5, names: Self.names, takesSets: takesSets, values: values, origin: "checkpoints/mine")
    }

    @Test func setsAreJoinedByPlus() throws {
        let conditioner = try conditioner(takesSets: true)
        for (text, labels) in [
            ("cat", [0]), ("dog+cat", [0, 1]), ("cat + dog", [0, 1]), ("+", []), ("cat+cat", [0]), ("0+dog", [0, 1]),
            // What is the name of a class is that class; inside of a text, too.
            ("cat+dog", [3]), ("c++", [2]), ("c+++dog", [1, 2]), ("dog+c++", [1, 2]), ("cat+dog+c++", [2, 3]),
            ("3", [4]), ("2+3", [2, 4]), ("c+++c++", [2]),
        ] {
            #expect(try conditioner.prompt(from: text) == .labels(labels), "\(text)")
        }
        for text in ["cat+eel", "cat+", "+cat", "++", "7", "cat+7", "", String(repeating: "cat+", count: 300) + "cat"] {
            let words = text == "7" ? "7 is out of range" : "there is no class '\(text)'"
            expectSentence(sentence { _ = try conditioner.prompt(from: text) }, naming: [words])
        }
        expectSentence(sentence { _ = try conditioner.prompt(from: "eel") }, naming: ["several of them joined by +"])
    }

    @Test func aModelOfSingleClassesRefusesSets() throws {
        let conditioner = try conditioner(takesSets: false)
        #expect(
            try conditioner.prompt(from: "cat+dog") == .label(3) && conditioner.prompt(from: "dog+dog") == .label(1))
        for text in ["dog+cat", "+"] {
            expectSentence(
                sentence { _ = try conditioner.prompt(from: text) },
                naming: ["'\(text)'", "checkpoints/mine was trained on single classes"])
        }
        expectSentence(
            sentence { _ = try conditioner.condition([.labels([0, 1])]) }, naming: ["trained on single classes"])
        expectSentence(sentence { _ = try conditioner.condition([.label(5)]) }, naming: ["5 is out of range"])
        expectSentence(sentence { _ = try conditioner.condition([.text("a")]) }, naming: ["a is out of range"])
        expectSentence(
            sentence { _ = try conditioner.numbers(from: "age=3") }, naming: ["age=3", "trained without values"])
    }

    @Test func conditionsOfSetsAndValues() throws {
        let conditioner = try conditioner(takesSets: true, values: [age, zoom])
        let prompts = [
            Prompt.labels([3, 1]).with(values: [50, nil]), .labels([]).with(values: [nil, 1]), .label(2),
            .label(0).with(values: [40, 1.5]),
        ]
        let condition = try conditioner.condition(prompts) { $0 == 3 }.expect(ClassCondition.self, by: "test")
        #expect(condition.labels == [[1, 3], [], [2], nil])
        #expect(condition.values == [[1, nil], [nil, -1], [], []])
        // Values that are all open are none.
        #expect(Prompt.label(2).with(values: [nil, nil]) == .label(2))
        #expect(Prompt.labels([2]) == .label(2) && Prompt.labels([]).label == nil && Prompt.label(1) != .label(2))
        expectSentence(
            sentence { _ = try conditioner.condition([.label(0).with(values: [1])]) }, naming: ["2 values, not 1"])
        expectSentence(
            sentence { _ = try conditioner.condition([.label(0).with(values: [1e300, nil])]) },
            naming: ["age is 1e+300", "3 to 90"])
    }

    @Test func valuesAreReadFromText() throws {
        let conditioner = try conditioner(takesSets: false, values: [age, zoom])
        #expect(try conditioner.numbers(from: "age=30") == [30, nil])
        #expect(try conditioner.numbers(from: "'zoom, in x=1.5', age=-2e1") == [-20, 1.5])
        for (text, words) in [
            ("age", "'age' has no number"), ("size=3", "there is no value 'size'"), ("age=old", "age is 'old'"),
            ("age=nan", "age is 'nan'"), ("age=1e999", "age is '1e999'"), ("age=1,age=2", "age stands twice"),
            ("", "names no value"), ("=", "there is no value ''"),
        ] {
            expectSentence(sentence { _ = try conditioner.numbers(from: text) }, naming: [words])
        }
        let prompts = [[30, 9], [91, 2], [nil, 2]].map(Prompt.label(0).with(values:))
        #expect(
            conditioner.remarks(prompts + [.label(0)]) == [
                "age 91 is beyond the numbers of training, which are 3 to 90",
                "zoom, in x 9 is beyond the numbers of training, which are 1 to 3",
            ])
    }

    @Test func numbersOfPreviewsAreShort() {
        let wide = TrainedValue(name: "a", mean: 23.512_345, deviation: 13.853_4, least: 12, most: 47)
        #expect([-1, 0, 1].map(wide.number(atDeviations:)) == [12, 23.5, 37.4])
        let tiny = TrainedValue(name: "b", mean: 1e-3, deviation: 2.345_6e-5, least: 0, most: 1)
        #expect(tiny.number(atDeviations: 1) == 0.001_023_5)
        let years = TrainedValue(name: "c", mean: 1.7e9, deviation: 1.234e7, least: 0, most: 2e9)
        #expect(years.number(atDeviations: 1) == 1_712_340_000)
    }

    @Test func namesTellPromptsApart() throws {
        let sets = try conditioner(takesSets: true, values: [age])
        let prompts: [Prompt] = [
            .labels([]), .label(0), .labels([0, 1]), .label(3), .labels([0, 1]).with(values: [30]), .labels([1, 4]),
            .labels([0, 2]), .label(0).with(values: [30.5]), .label(1).with(values: [30.5]),
        ]
        #expect(Set(prompts.map(sets.fileName)).count == prompts.count)
        #expect(sets.name(of: .labels([0, 1]).with(values: [30])) == "cat+dog age=30")
        #expect(sets.fileName(of: .labels([1, 4]).with(values: [1.5])) == "dog+3-age=1.5")
        #expect(sets.fileName(of: .labels([0, 1])) == "classes-0+1" && sets.name(of: .labels([])) == "no class")
        let single = try ClassConditioner(classes: 1, names: ["mine"], values: [age])
        #expect(single.name(of: .label(0).with(values: [3])) == "age=3" && single.name(of: .label(0)) == "mine")
        #expect(single.fileName(of: .label(0).with(values: [3])) == "mine-age=3")
    }
}
