import Foundation
import PixNerdEvaluation
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Evaluations that are refused, and images that cannot be read.
@Suite struct EvaluationRefusalTests {
    @Test func whatDoesNotFitIsRefusedInASentence() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeArray(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/a.npz")
            try TinyEvaluation.writeArray(pictureBatch(4, 16, 24, kind: 1), to: "\(directory)/wide.npz")
            try TinyEvaluation.writeArray(pictureBatch(1, 16, 16, kind: 1), to: "\(directory)/one.npz")
            let narrow = GaussianStatistics(of: Tensor([1, 2, 3, 5], shape: [2, 2]))
            try StoredStatistics(pool: narrow, spatial: nil, count: nil).write(to: "\(directory)/narrow.npz")
            func path(_ name: String) -> String { "\(directory)/\(name)" }
            func refusal(_ body: () throws -> Void) -> String {
                do {
                    try body()
                    return ""
                } catch { return "\(error)" }
            }
            let refusals: [(String, [String])] = [
                (
                    refusal { _ = try TinyEvaluation.evaluate(path("a.npz"), path("one.npz")) },
                    ["one.npz", "at least 2"]
                ),
                (
                    refusal { _ = try TinyEvaluation.evaluate(path("a.npz"), path("a.npz")) { $0.patch = 9 } },
                    ["9", "16 x 16"]
                ),
                (
                    refusal { _ = try TinyEvaluation.evaluate(path("narrow.npz"), path("a.npz")) },
                    ["narrow.npz", "2 features"]
                ),
                (
                    refusal { _ = try TinyEvaluation.evaluate(path("narrow.npz"), path("a.npz"), extractor: nil) },
                    ["narrow.npz", "set weights"]
                ),
                (refusal { _ = try TinyEvaluation.evaluate(path("none.npz"), path("a.npz")) }, ["none.npz"]),
                (refusal { _ = try TinyEvaluation.evaluate(directory, path("a.npz")) }, ["no image"]),
                (
                    refusal { _ = try TinyEvaluation.evaluate(path("a.npz"), path("one.npz")) { $0.arePairs = true } },
                    ["one.npz"]
                ),
                (
                    refusal {
                        _ = try TinyEvaluation.evaluate(Fixtures.path("npz/stored.npz"), path("a.npz"))
                    }, ["stored.npz", "arr_0"]
                ),
            ]
            for (text, needed) in refusals { expectSentence(text, naming: needed) }
            // Real images are brought to the shape of the generated ones.
            let report = try TinyEvaluation.evaluate(path("a.npz"), path("wide.npz")).report
            #expect(report.size == ImageSize(height: 16, width: 24) && report.real.cropped > 0)
        }
    }

    @Test func unreadablePicturesAreLeftOutAndCounted() throws {
        try withTemporaryDirectory { directory in
            try TinyEvaluation.writeFolder(pictureBatch(6, 16, 16, kind: 1), to: "\(directory)/a")
            try Data("no picture".utf8).write(to: URL(fileURLWithPath: "\(directory)/a/001.png"))
            let report = try TinyEvaluation.evaluate("\(directory)/a", "\(directory)/a").report
            #expect(report.real.pictures == 5 && report.real.unreadable == 1)
            // Skipped images would break the pairing.
            #expect(throws: PixNerdError.self) {
                try TinyEvaluation.evaluate("\(directory)/a", "\(directory)/a") { $0.arePairs = true }
            }
        }
    }
}
