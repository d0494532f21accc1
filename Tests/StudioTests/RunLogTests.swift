import Foundation
import PixNerdTestSupport
import PixNerdTraining
import Testing

@testable import PixNerdStudio

/// What the page shows of a run.
@Suite struct RunLogTests {
    private func record(_ step: Int, loss: Double, holdout: Double? = nil) throws -> MetricsRecord {
        let held = holdout.map { ", \"holdout_loss\": \($0)" } ?? ""
        let line = """
            {"step": \(step), "loss": \(loss), "gradient_norm": 1, "learning_rate": 0.001, "skipped_steps": 0, \
            "images_per_second": 10, "data_wait": 0, "peak_memory_gb": 1, "seconds": 1, \
            "loss_by_time": [\(loss), null]\(held)}\n
            """
        return try #require(MetricsHistory.records(in: Data(line.utf8)).first)
    }

    @Test func longLogsAreThinnedByMeans() throws {
        let records = try (1...10).map { try record($0, loss: Double($0)) }
        let points = MetricsHistory.points(records, atMost: 5)
        #expect(points.map(\.record.step) == [2, 4, 6, 8, 10])
        #expect(points.map(\.record.loss) == [1.5, 3.5, 5.5, 7.5, 9.5])
        #expect(points[0].lossLow == 1 && points[0].lossHigh == 2)
        #expect(points[0].record.lossByTime == [1.5, nil])
        #expect(MetricsHistory.points([]).isEmpty)
        #expect(MetricsHistory.points(records).count == 10)
    }

    @Test func linesThatAreDamagedAreLeftOut() throws {
        let lines = Data("{\"step\": 1}\nnonsense\n".utf8)
        #expect(MetricsHistory.records(in: lines).isEmpty)
    }

    @Test func alerts() throws {
        let falling = try (1...80).map { try record($0, loss: 100 - Double($0)) }
        #expect(RunAlert.all(falling).isEmpty)
        let flat = try (1...80).map { try record($0, loss: $0 % 2 == 0 ? 1 : 1.1) }
        #expect(RunAlert.all(flat).map(\.kind) == ["plateau"])
        let parted = try [(1, 1.0), (2, 0.5), (3, 0.6)].map { try record($0.0, loss: 1, holdout: $0.1) }
        #expect(RunAlert.all(parted).map(\.kind) == ["held_out"])
        for alert in RunAlert.all(parted) + RunAlert.all(flat) { #expect(alert.message.hasSuffix(".")) }
    }

    @Test func previewsAreReadOffTheirNames() {
        #expect(PreviewEntry.parse("step-000400.png").map { "\($0)" } == "(step: 400, weights: \"ema\")")
        #expect(PreviewEntry.parse("step-000400-raw.png").map { "\($0)" } == "(step: 400, weights: \"raw\")")
        for name in ["step-x.png", "a.png", "step-1.jpg", "step-.png"] { #expect(PreviewEntry.parse(name) == nil) }
    }

    @Test func modelsAreNamedWithStepAndWeights() {
        let all = ["a", "a@5", "a:raw", "a@5:ema", "a@b", "a@5@7:raw"].map { ModelReference($0) }
        #expect(all.map(\.name) == ["a", "a", "a", "a", "a@b", "a@5"])
        #expect(all.map(\.step) == [nil, 5, nil, 5, nil, 7])
        #expect(all.map(\.weights) == [nil, nil, .raw, .ema, nil, .raw])
        let own = ModelReference("a@5:raw") { $0 == "a@5" }
        #expect(own.name == "a@5" && own.step == nil && own.weights == .raw)
    }

    @Test func runsAreDescribed() async throws {
        try await StudioPlace.with { place in
            let run = try await place.send("GET", "/api/runs/tiny")
            for text in [#""step":4"#, #""state":"finished""#, #""saved_steps":[2,4]"#, #""previews":[{"step":4"#] {
                #expect(run.text.contains(text), "\(text)")
            }
            #expect(try await place.send("GET", "/api/runs/tiny/metrics").text.contains(#""loss_low""#))
            #expect(try await place.send("GET", "/api/runs/tiny/previews/4/ema").headers["content-type"] == "image/png")
            let missing = try await place.send("GET", "/api/runs/tony")
            #expect(missing.status == 404)
            expectSentence(missing.message, naming: ["tony", "tiny"])
        }
    }

    @Test func trainingsThatCannotBeAreRefused() async throws {
        try await StudioPlace.with { place in
            for (json, status) in [
                (#"{"run": "../x"}"#, 400), (#"{"run": "tiny"}"#, 400), (#"{"run": "new", "keys": {"a.b": "1"}}"#, 400),
                (#"{"run": "new", "configuration": "../a.yaml"}"#, 404), (#"{"run": "new", "resume": true}"#, 404),
                (
                    #"{"run": "tiny", "keys": {"data.root": "\#(place.directory)/pictures", "data.image_size": "16"}}"#,
                    409
                ),
                (#"{}"#, 400),
            ] {
                let answer = try await place.send("POST", "/api/trainings", json: json)
                #expect(answer.status == status, "\(json): \(answer.text)")
            }
            #expect(try await place.send("POST", "/api/trainings/stop", json: "{}").status == 409)
        }
    }
}
