import Foundation
import PixNerdComparison
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Comparisons from nothing to numbers.
@Suite struct PipelineComparisonTests {
    @Test func threePipelinesAreTrainedAndMeasured() throws {
        try TinyComparison.with { tiny in
            let comparison = try tiny.comparison()
            try comparison.check()
            let units = comparison.units
            // Four runs, three spaces, three ways, and two steps by two guidances of three pipelines, sampled and measured.
            #expect(units.count == 4 + 3 + 3 + 24)
            #expect(Set(units.map(\.name)).count == units.count)
            #expect(try tiny.run(comparison) == units)
            #expect(try tiny.run(comparison) == [])
            let results = comparison.results(command: "")
            #expect(results.isEqual && results.missing.isEmpty)
            #expect(results.pipelines.map(\.name) == ["field", "linear", "latent"])
            for pipeline in results.pipelines {
                #expect(pipeline.tokens == 16)
                #expect(pipeline.points.map(\.step) == [2, 4, 2, 4])
                #expect(pipeline.points.map(\.guidance) == [1, 1, 2.5, 2.5])
                for point in pipeline.points {
                    #expect(point.sampling.pictures == 8)
                    #expect(point.evaluation.generated.pictures == 8)
                    #expect(point.evaluation.real.pictures == 16)
                    #expect(point.evaluation["swd"]?.floor != nil && point.evaluation["spectrum"]?.interval != nil)
                    #expect(point.evaluation["seam_4"] != nil)
                    #expect(point.evaluation.spectra?.generated.count == 8)
                    #expect(point.sampling.picturesPerSecond > 0 && point.sampling.peakMemory > 0)
                }
                #expect(pipeline.trajectory?.steps == [1, 2, 3])
            }
            try checkCosts(results)
        }
    }

    /// Everything that latents cost is charged to them.
    private func checkCosts(_ results: ComparisonResults) throws {
        let (field, latent) = (results.pipelines[0], results.pipelines[2])
        let training = try #require(field.training)
        #expect(training.points.map(\.step) == [1, 2, 3, 4])
        // A backward pass is two forward passes, a multiply-add two operations.
        #expect(training.operations(at: 2) == Double(2 * 4 * 2 * 3 * training.multiplyAdds))
        #expect(field.points[1].operations == training.operations(at: 4))
        #expect(field.points[1].seconds == training.seconds)
        #expect(field.autoencoderTraining == nil && !field.hasUnknownCost)
        let record = try #require(field.spaceRecord)
        #expect(record.roundTrip["psnr"]?.value == .infinity && record.roundTrip["ssim"]?.value == 1)
        #expect(record.encoding == nil && field.points[0].sampling.decoding == 0)
        // Three steps; the first is at time 0, where there is no guidance.
        let one = training.multiplyAdds
        #expect(field.points.map(\.sampling.denoising) == [3 * one, 3 * one, 5 * one, 5 * one])

        let own = try #require(latent.training)
        let autoencoder = try #require(latent.autoencoderTraining)
        let space = try #require(latent.spaceRecord)
        let encoding = try #require(space.encoding)
        #expect(own.operations(at: 1) == Double(4 * 2 * (3 * own.multiplyAdds + encoding)))
        #expect(autoencoder.operations(at: 3) == Double(3 * 4 * 2 * 3 * autoencoder.multiplyAdds))
        #expect(latent.points[1].operations == own.operations(at: 4) + autoencoder.operations(at: 3))
        #expect(latent.points[1].seconds == own.seconds + autoencoder.seconds)
        #expect(latent.points[0].sampling.decoding == space.decoding)
        #expect(autoencoder.multiplyAdds == encoding + (space.decoding ?? 0))
        #expect(space.roundTrip["psnr"].map { $0.value.isFinite } == true)
        #expect(space.roundTrip.generated.pictures == 6)
        #expect(space.encodedPerSecond != nil && space.reduction == 2 && space.channels == 4)
    }

    @Test func modelsOfFewStepsAreNotCompared() throws {
        try TinyComparison.with { tiny in
            let text = sentence { _ = try tiny.comparison(["pipelines.field.few_steps.method=meanflow"]) }
            expectSentence(text, naming: ["few_steps.method is meanflow in field", "evaluate samples"])
        }
    }

    @Test func whatIsStoppedAnywhereComesToTheSameNumbers() throws {
        try TinyComparison.with { tiny in
            let whole = try tiny.comparison(["directory=\(tiny.directory)/whole"])
            try tiny.run(whole)
            let settings = ["directory=\(tiny.directory)/parts"]
            var sessions = 0
            // Each session stops when it has been asked so often: in the middle of a run, of a batch, between units.
            for limit in 1... {
                let comparison = try tiny.comparison(settings)
                var asked = 0
                func shouldStop() -> Bool {
                    asked += 1
                    return asked > limit
                }
                sessions += 1
                if try comparison.run(
                    shouldStop: shouldStop, perform: { try comparison.perform($0, shouldStop: shouldStop) })
                {
                    break
                }
                #expect(!comparison.results(command: "").missing.isEmpty)
            }
            #expect(sessions > 5)
            let parts = try tiny.comparison(settings)
            let (left, right) = try (
                withoutTimes(whole.results(command: ""), in: "\(tiny.directory)/whole"),
                withoutTimes(parts.results(command: ""), in: "\(tiny.directory)/parts")
            )
            let isSame = left == right
            #expect(isSame, "the numbers of both differ")
        }
    }

    @Test func runsThatAreTakenGiveTheSameNumbers() throws {
        try TinyComparison.with { tiny in
            let first = try tiny.comparison(["evaluation.guidance=1"])
            try tiny.run(first)
            let start = try #require(tiny.text.range(of: "pipelines:")?.upperBound)
            let end = try #require(tiny.text.range(of: "evaluation:")?.lowerBound)
            let runs = ["field", "linear", "latent"].map { "  \($0): {run: \(tiny.directory)/tiny/runs/\($0)}\n" }
            let text = tiny.text.replacingCharacters(in: start..<end, with: "\n" + runs.joined())
            let second = try tiny.comparison(["evaluation.guidance=1", "name=taken"], text: text)
            #expect(second.equality.isEqual)
            #expect(try !tiny.run(second).contains { $0.name.hasSuffix("autoencoder") })
            let (left, right) = (first.results(command: ""), second.results(command: ""))
            for (made, taken) in zip(left.pipelines, right.pipelines) {
                #expect(!made.isTaken && taken.isTaken)
                #expect(made.training == taken.training)
                // The run of the autoencoder is found by the run that was trained in its latents.
                #expect(made.autoencoderTraining == taken.autoencoderTraining)
                #expect(made.points.map(\.seconds) == taken.points.map(\.seconds))
                for (point, other) in zip(made.points, taken.points) {
                    #expect(point.evaluation.measures.map(\.value) == other.evaluation.measures.map(\.value))
                }
            }
            let wrong = text.replacingOccurrences(of: "runs/field", with: "runs/latent-autoencoder")
            let error = #expect(throws: PixNerdError.self) { try tiny.comparison(text: wrong) }
            expectSentence(
                error?.description ?? "", naming: ["compare.yaml", "field", "latent-autoencoder", "latent.vae"])
        }
    }

    @Test func whatIsAskedForOtherwiseIsDoneAnew() throws {
        try TinyComparison.with { tiny in
            let shorter = tiny.text.replacingOccurrences(of: "steps: 4,", with: "steps: 2,")
            try tiny.run(tiny.comparison(text: shorter))
            // Another seed of the noise: pictures and what is measured of them, but no training.
            let other = try tiny.run(tiny.comparison(["evaluation.seed=1"], text: shorter))
            #expect(!other.contains { $0.name.hasSuffix("training") || $0.name.hasSuffix("autoencoder") })
            #expect(other.filter { $0.name.hasSuffix("samples") }.count == 6)
            // Other resamples: what is measured alone.
            let resampled = try tiny.run(
                tiny.comparison(["evaluation.seed=1", "evaluation.resamples=4"], text: shorter))
            #expect(!resampled.contains { $0.name.hasSuffix("samples") || $0.name.hasSuffix("training") })
            #expect(resampled.filter { $0.name.hasSuffix("evaluation") }.count == 6)
            // More steps: training goes on, and what is known of the first steps stays.
            let more = try tiny.run(tiny.comparison(["evaluation.seed=1", "evaluation.resamples=4"]))
            #expect(more.filter { $0.name.hasSuffix("training") }.count == 3)
            #expect(!more.contains { $0.name.contains("step-2.") || $0.name.hasSuffix("autoencoder") })
            // Another way to train: refused.
            let error = #expect(throws: PixNerdError.self) { try tiny.run(tiny.comparison(["training.beta1=0.8"])) }
            expectSentence(
                error?.description ?? "",
                naming: ["tiny/runs/field", "training.beta1", "0.9", "0.8", "overrides name="])
        }
    }

    @Test func whatCannotBeIsRefusedBeforeTraining() throws {
        try TinyComparison.with { tiny in
            func refuse(
                _ settings: [String], naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation
            ) {
                do {
                    try tiny.comparison(settings).check()
                    Issue.record("it was not refused", sourceLocation: sourceLocation)
                } catch {
                    expectSentence("\(error)", naming: needed, sourceLocation: sourceLocation)
                }
            }
            refuse(["data.root="], naming: ["data.root"])
            refuse(["data.root=\(tiny.directory)/none"], naming: ["none"])
            refuse(["evaluation.reference=\(tiny.directory)/none"], naming: ["none"])
            refuse(["evaluation.features=\(tiny.directory)/none.pth"], naming: ["none.pth"])
            refuse(["evaluation.checkpoints=3"], naming: ["evaluation.checkpoints", "3", "field", "save_every 2"])
            refuse(["training.keep_last=1"], naming: ["training.keep_last", "field"])
            refuse(["data.image_size=18"], naming: ["data.image_size in field", "18", "20"])
            refuse(["pipelines.latent.model.patch_size=3"], naming: ["data.image_size in latent", "16", "6 x 6"])
            refuse(["pipelines.latent.autoencoder.autoencoder.block_out_channels=5,8"], naming: ["autoencoder"])
            #expect(!FileManager.default.fileExists(atPath: "\(tiny.directory)/tiny"))
        }
    }
}
