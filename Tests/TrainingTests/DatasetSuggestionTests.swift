import Foundation
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Configurations that are suggested for a collection.
@Suite struct DatasetSuggestionTests {
    private func suggestion(side: Int, imageSize: Int? = nil, hours: Double = 0.01) throws -> DatasetSuggestion {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/shapes"
            try ShapesDataset.write(to: path, imagesPerClass: 2, size: side, seed: 1)
            return try DatasetSuggestion(for: ImageCollection.open(root: path), imageSize: imageSize, hours: hours)
        }
    }

    @Test func whatIsPrintedRuns() throws {
        try TinyRuns.with { runs in
            let found = try DatasetSuggestion(for: ImageCollection.open(root: runs.pictures), hours: 0.01)
            let yaml = "\(runs.directory)/mine.yaml"
            try found.configuration.changedYAML.write(toFile: yaml, atomically: true, encoding: .utf8)
            var read = try Configuration(yaml: yaml)
            #expect(read == found.configuration)
            read.directory = runs.directory
            read.training.steps = 2
            let outcome = try runs.train("mine") { $0 = read }
            #expect(outcome.isFinished && outcome.log.allSatisfy { !$0.hasPrefix("error") })
        }
    }

    @Test(arguments: [(16, 2, 16), (20, 2, 20), (37, 4, 36), (90, 8, 64), (8, 2, 8)])
    func patchesDivideTheSide(side: Int, patch: Int, trained: Int) throws {
        let found = try suggestion(side: side).configuration
        #expect(found.model.patchSize == patch && found.data.imageSize == ImageSize(trained))
        // Few images are augmented, and dropped in the middle of the model.
        #expect(found.data.augment > 0 && found.model.dropout > 0)
    }

    @Test func timeIsThatOfItsSteps() throws {
        let found = try suggestion(side: 16, hours: 100)
        let steps = Double(found.configuration.training.steps)
        // 16 images, each at most 400 times, in batches of 16.
        #expect(steps == 400 && found.epochs == 400)
        #expect(found.seconds > 0 && found.seconds.isFinite)
        let larger = try suggestion(side: 16, imageSize: 24)
        #expect(larger.configuration.data.imageSize == 24 && larger.configuration.model.patchSize == 3)
    }
}
