import Foundation
import PixNerdSupport
import Testing

@testable import PixNerdImages

/// Captions in batches and in reports.
@Suite struct CaptionBatchTests {
    private func makeFolder(_ files: [String: String], pictures: [String]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        let png = try ImageFile.encodePNG(syntheticPicture(width: 5, height: 4, kind: 0))
        for name in pictures { try folder.write(png, to: name) }
        for (name, text) in files { try folder.write(Array(text.utf8), to: name) }
        return folder
    }

    @Test func oneOfSeveralIsDrawnByTheSeed() throws {
        let lines = (1...3).map { "{\"file_name\": \"\($0).png\", \"text\": [\"a\($0)\", \"b\($0)\", \"c\($0)\"]}" }
        let folder = try makeFolder(
            ["metadata.jsonl": lines.joined(separator: "\n")], pictures: ["1.png", "2.png", "3.png"])
        let collection = try ImageCollection.open(root: folder.path, captions: CaptionOptions())
        func texts(start: Int, count: Int, plan: BatchPlan, seed: UInt64 = 9, workers: Int = 1) throws -> [[String]] {
            let loader = BatchLoader(
                collection: collection, buckets: ImageBuckets(size: 4, of: collection), plan: plan, seed: seed,
                startSample: start, workers: workers,
                logger: LogKeeper().logger)
            defer { loader.stop() }
            return try (0..<count).map { _ in
                let batch = try loader.next()
                let captions = try #require(batch.captions)
                #expect(batch.mirrored.captions == captions)
                for (caption, index) in zip(captions, batch.indices) { #expect(caption.last == "\(index + 1)".first) }
                return captions
            }
        }
        let whole = try texts(start: 0, count: 90, plan: BatchPlan(batchSize: 1)).map { $0[0] }
        #expect(Set(whole).count == 9)
        for text in Set(whole) { #expect((3...22).contains(whole.count { $0 == text })) }
        // Resumed in the middle, with another batch size and other threads.
        let resumed = try texts(start: 10, count: 20, plan: BatchPlan(batchSize: 4), workers: 3).flatMap { $0 }
        #expect(resumed == Array(whole[10..<90]))
        // Divided among two ranks.
        let ranks = try (0..<2).map { rank in
            try texts(start: 0, count: 20, plan: BatchPlan(step: 4, most: 2, rank: rank, ranks: 2))
        }
        #expect((0..<20).flatMap { ranks[0][$0] + ranks[1][$0] } == Array(whole[..<80]))
        #expect(try texts(start: 0, count: 90, plan: BatchPlan(batchSize: 1), seed: 10).map { $0[0] } != whole)
        let square = CropReader(collection, imageSize: 4).read([2, 0]) { _ in }
        #expect(square?.captions == ["a3", "a1"])
    }

    @Test func plainBatchesHaveNoCaptions() throws {
        let folder = try makeFolder([:], pictures: ["a/1.png"])
        let loader = BatchLoader(
            folder: try ImageFolder(root: folder.path), imageSize: 4, batchSize: 1, seed: 1, logger: LogKeeper().logger)
        defer { loader.stop() }
        #expect(try loader.next().captions == nil)
    }

    @Test func captionsLieCompactly() {
        var captions = Captions((0..<1000).map { [["same"], [], ["x\($0)", "y"]][$0 % 3] })
        #expect(captions.count == 1000 && captions[999] == ["same"] && captions[1] == [] && captions[5] == ["x5", "y"])
        #expect(captions.count(of: 5) == 2 && captions.drawn(1, seed: 1, epoch: 1) == "")
        captions = captions.of([5, 0])
        #expect(captions.count == 2 && captions[0] == ["x5", "y"] && captions[1] == ["same"])
        // The two spellings of an accented letter are two captions.
        captions = Captions([["caf\u{E9}"], ["cafe\u{301}"]])
        #expect(captions[0][0].utf8.count == 5 && captions[1][0].utf8.count == 6)
    }

    // MARK: Report

    @Test func everythingIsCounted() throws {
        let table =
            "{\"file_name\": \"1.png\", \"text\": [\"a b c\", \"d\"]}\n{\"file_name\": \"9.png\", \"text\": \"x\"}"
        let folder = try makeFolder(
            ["metadata.jsonl": table, "2.txt": "", "3.txt": "one two three four\n", "5.txt": "a", "5.caption": "b"],
            pictures: (1...5).map { "\($0).png" })
        let survey = try CaptionSurvey(root: folder.path, options: CaptionOptions())
        let report = CaptionReport(survey, tokenLimit: 2) { $0.split(separator: " ").count }
        #expect(report.withCaption == 3 && report.without == 1 && report.empty == 1 && report.several == 1)
        #expect(report.notUTF8 == 0 && report.unusable == 1 && report.unmatchedRows == 1 && report.captions == 4)
        #expect(report.fromTextFiles == 2 && report.fromData == 1 && !report.keepsNewline)
        #expect(report.longerThanLimit == 2 && report.tokens?.largest == 4 && report.characters?.largest == 18)
        #expect(report.examples.map(\.captions) == [["a b c", "d"], [""], ["one two three four"]])
        #expect(report.uncaptioned == [folder.path + "/4.png"] && report.problems.count == 2)
        let plain = CaptionReport(survey)
        #expect(plain.longerThanLimit == nil && plain.tokens == nil && plain.tokenLimit == nil)
    }
}
