import PixNerdDiffusion
import PixNerdTestSupport
import Testing

@testable import PixNerdSampling

/// Guidance of models that have not seen what it compares.
@Suite struct TrainedConditionsTests {
    private let settings = SamplingSettings(guidance: Guidance(scales: [2, 3], times: [0, 0.5, 1]))

    @Test(arguments: [0, 1] as [Float])
    func guidanceIsOffByDefault(dropout: Float) {
        let guidance = TrainedConditions(dropout: dropout).applied(to: settings).guidance
        #expect(guidance == Guidance(scales: [1, 1], times: [0, 0.5, 1]))
        #expect(TrainedConditions(dropout: 0.1).applied(to: settings) == settings)
    }

    @Test func askedForGuidanceIsWarnedOf() {
        let none = TrainedConditions(["label_dropout": "0.0"])
        let text = none.warning(settings.guidance, comparesWithNone: true, name: "run")?.text(naming: \.rawValue) ?? ""
        expectSentence(text, naming: ["run", "training.label_dropout 0", "guidance 1"])
        #expect(none.warning(Guidance(scale: 1), comparesWithNone: true, name: "run") == nil)
        #expect(none.notice(name: "run")?.contains("label_dropout 0") == true)
        let all = TrainedConditions(["label_dropout": "1.0"])
        #expect(all.warning(Guidance(scale: 1), comparesWithNone: true, name: "run") != nil)
        // A guide takes the place of the model without a class, but gives no classes.
        #expect(none.warning(settings.guidance, comparesWithNone: false, name: "run") == nil)
        #expect(all.warning(settings.guidance, comparesWithNone: false, name: "run") != nil)
    }

    @Test(arguments: [[:], ["label_dropout": "some"], ["label_dropout": "nan"], ["label_dropout": "0.1"]])
    func checkpointsThatDoNotSayStayAsTheyAre(metadata: [String: String]) {
        let conditions = TrainedConditions(metadata)
        #expect(conditions.applied(to: settings) == settings)
        #expect(conditions.warning(settings.guidance, comparesWithNone: true, name: "run") == nil)
        #expect(conditions.notice(name: "run") == nil)
    }
}
