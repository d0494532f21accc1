import Testing

@testable import PixNerdTraining

/// What guidance needs where the configuration leaves it to the images.
@Suite struct GuidanceDecisionTests {
    @Test func oneClassHasNoGuidance() {
        let asked = Configuration()
        #expect(asked.labelDropout == 0.1)
        var one = asked
        one.decideGuidance(classes: 1)
        #expect(one.training.labelDropout == 0 && one.sampling.guidance == 1)
        #expect(one.guidanceNotice(asked: asked)?.hasSuffix("label_dropout is 0 and sampling.guidance is 1") == true)
        // Several classes; captions, whose images have a single class that means nothing.
        for classes in [2, nil] {
            var others = asked
            others.decideGuidance(classes: classes)
            #expect(others.training.labelDropout == 0.1 && others.sampling.guidance == 3.5)
            #expect(others.guidanceNotice(asked: asked) == nil)
        }
    }

    @Test func whatIsAskedForStays() {
        var asked = Configuration()
        asked.training.labelDropout = 0.25
        var decided = asked
        decided.decideGuidance(classes: 1)
        #expect(decided.training.labelDropout == 0.25 && decided.sampling.guidance == 1)
        #expect(decided.guidanceNotice(asked: asked)?.hasSuffix(": sampling.guidance is 1") == true)
        // Decided once, it is not decided again.
        var again = decided
        again.decideGuidance(classes: 2)
        #expect(again == decided && again.guidanceNotice(asked: decided) == nil)
    }
}
