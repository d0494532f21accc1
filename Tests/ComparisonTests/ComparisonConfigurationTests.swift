import Foundation
import PixNerdComparison
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// The file of a comparison.
@Suite struct ComparisonConfigurationTests {
    private let text = """
        name: two
        shared:
          seed: 7
          data: {root: pictures, image_size: 16}
          training:
            steps: 10
            batch_size: 4
        pipelines:
          pixel:
            model: {head: linear}
          latent:
            space: latent
            training: {batch_size: 5}
            autoencoder:
              autoencoder: {latent_channels: 3}
              training: {steps: 2}
        evaluation: {pictures: 5, guidance: [1, 2]}
        """

    private func read(_ text: String, _ settings: [String] = []) throws -> ComparisonConfiguration {
        try ComparisonConfiguration(text: text, origin: "compare.yaml", settings: settings)
    }

    private func refuse(
        _ text: String, _ settings: [String] = [], naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: PixNerdError.self, sourceLocation: sourceLocation) {
            try read(text, settings)
        }
        expectSentence(error?.description ?? "", naming: needed, sourceLocation: sourceLocation)
    }

    @Test func pipelinesChangeWhatIsShared() throws {
        let found = try read(text)
        #expect(found.settings.path == "checkpoints/two")
        #expect(found.settings.evaluation.pictures == 5)
        #expect(found.settings.evaluation.guidance == [1, 2])
        #expect(found.pipelines.map(\.name) == ["pixel", "latent"])
        let (pixel, latent) = (found.pipelines[0].configuration, found.pipelines[1].configuration)
        #expect(pixel.runPath == "checkpoints/two/runs/pixel")
        #expect((pixel.seed, latent.seed) == (7, 7))
        #expect((pixel.training.steps, latent.training.steps) == (10, 10))
        #expect((pixel.training.batchSize, latent.training.batchSize) == (4, 5))
        #expect((pixel.model.head, latent.model.head) == (.linear, .field))
        #expect((pixel.space, latent.space) == (.pixel, .latent))
        #expect(pixel.training.previewEvery == 0)
        let autoencoder = try #require(found.pipelines[1].autoencoder)
        #expect(autoencoder.kind == .autoencoder)
        #expect((autoencoder.data.root, autoencoder.data.imageSize, autoencoder.seed) == ("pictures", 16, 7))
        // Training is its own.
        #expect((autoencoder.training.steps, autoencoder.training.batchSize) == (2, 64))
        #expect(autoencoder.autoencoder.latentChannels == 3)
        #expect(latent.latent.autoencoder == autoencoder.runPath)
    }

    @Test func settingsReachEveryPart() throws {
        let found = try read(
            text,
            [
                "training.steps=11", "evaluation.pictures=6", "pipelines.latent.training.batch_size=8", "name=three",
                "data.root=others", "pipelines.latent.autoencoder.training.steps=3", "training.batch_size=6",
            ])
        #expect(found.pipelines.map(\.configuration.training.steps) == [11, 11])
        #expect(found.pipelines.map(\.configuration.training.batchSize) == [6, 8])
        #expect(found.settings.evaluation.pictures == 6)
        #expect(found.pipelines[0].configuration.runPath == "checkpoints/three/runs/pixel")
        #expect(found.pipelines[1].autoencoder?.data.root == "others")
        #expect(found.pipelines[1].autoencoder?.training.steps == 3)
    }

    @Test func whatIsWrongIsNamed() {
        let pipelines = "pipelines:\n  a:\n  b: {model: {head: linear}}\n"
        refuse("pipelines:\n  a: {seed: 1}\n", naming: ["compare.yaml", "1 pipelines", "at least 2"])
        refuse(pipelines + "pipeline: {a: 1}\n", naming: ["compare.yaml:4:", "no key pipeline;", "pipelines?"])
        refuse(
            pipelines + "shared:\n  training: {stpes: 1}\n",
            naming: ["compare.yaml:5:", "training.stpes", "training.steps?"])
        refuse(
            pipelines + "evaluation:\n  picturs: 1\n",
            naming: ["compare.yaml:5:", "evaluation.picturs", "evaluation.pictures?"])
        refuse(
            pipelines + "evaluation:\n  guidance: [1, 1]\n",
            naming: ["compare.yaml:5:", "evaluation.guidance", "another"])
        refuse("pipelines:\n  a: 5\n  b: {seed: 1}\n", naming: ["compare.yaml:2:", "pipelines.a is a section"])
        refuse("pipelines:\n  a: {model: {hed: 1}}\n  b: {seed: 1}\n", naming: [":2:", "model.hed", "model.head?"])
        refuse(
            "pipelines:\n  a: {autoencoder: {training: {stps: 1}}}\n  b: {seed: 1}\n",
            naming: [":2:", "training.stps", "training.steps?"])
        refuse(
            "pipelines:\n  a: {run: b, seed: 1}\n  b: {seed: 1}\n", naming: [":2:", "pipeline a", "run b", "seed"])
        refuse("pipelines:\n  a: {run: nowhere}\n  b: {seed: 1}\n", naming: [":2:", "nowhere", "no saved step"])
        refuse("pipelines:\n  a b: {seed: 1}\n  b: {seed: 1}\n", naming: ["compare.yaml", "'a b'"])
        refuse(pipelines, ["pipelines.c.seed=1"], naming: ["overrides", "no pipeline c", "a, b"])
        refuse(pipelines, ["training.stpes=1"], naming: ["overrides", "training.stpes", "training.steps?"])
        refuse(pipelines, ["evaluation=1"], naming: ["overrides", "evaluation is a section"])
    }

    private static let examples: [String] = {
        let folder = "\(Fixtures.directory)/../../configs"
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasPrefix("compare-") }.sorted().map { "\(folder)/\($0)" }
    }()

    @Test func thereAreExamples() { #expect(Self.examples.count >= 2) }

    @Test(arguments: examples)
    func examplesAreEqualAndPossible(path: String) throws {
        let example = try ComparisonConfiguration(yaml: path)
        #expect(URL(fileURLWithPath: path).lastPathComponent == "\(example.settings.name).yaml")
        #expect(example.pipelines.count == 3)
        #expect(Equality(example.pipelines).unequal == [])
        for pipeline in example.pipelines {
            var configuration = pipeline.configuration
            configuration.model.classes = 10
            #expect(throws: Never.self) {
                try configuration.architecture(channels: pipeline.autoencoder?.autoencoder.latentChannels ?? 3)
            }
        }
    }
}
