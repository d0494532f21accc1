import PixNerdDiffusion
import PixNerdImages
import PixNerdOptimization
import PixNerdTensors
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// A class that is learned beside images of the others.
@Suite struct SubjectTests {
    /// Half of each step are images of the class, and each half counts with its own mean.
    @Test func halvesHaveTheirOwnMeans() throws {
        try TinyRuns.with { runs in
            let name = try ImageCollection.open(root: runs.pictures).classes[3]
            func change(_ configuration: inout Configuration) { configuration.subject.className = name }
            let outcome = try runs.wholeAndResumed(stopAfter: 4, change)
            expectSame(try runs.files(outcome.whole), try runs.files(outcome.resumed.run))
            var configuration = runs.configuration("loader")
            change(&configuration)
            let preparation = try DenoiserPreparation(configuration, allowsOtherAutoencoder: false)
            let subject = try #require(preparation.subject)
            #expect(subject.own.count == 4 && subject.others.count == 28)
            #expect(preparation.halves.map(\.count) == [4, 28])
        }
    }

    @Test func theLossIsTheSumOfBothMeans() throws {
        let x = Parameter(name: "x", value: Tensor([1], shape: [1, 1]))
        let step = OptimizationStep<(value: Float, weight: Float)>(
            optimizer: AdamW([x], settings: AdamW.Settings()), count: { _ in 1 }, weight: \.weight,
            loss: { batch in
                let (mean, pictures) = meanSquaredError(x.tensor, target: Tensor([batch.value], shape: [1, 1]))
                return TrainingLoss(mean: mean, pictures: PictureLosses(["flow": pictures]))
            })
        let (mean, _) = step.gradient([(3, 2), (0, 2 * 0.25)])
        #expect(mean == 4 + 0.25 * 1)
        #expect(x.gradient?.values == [2 * -2 + 0.25 * 2])
    }
}
