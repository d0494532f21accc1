import PixNerdCheckpoints
import PixNerdModels
import PixNerdTestSupport
import Testing

@testable import PixNerdTraining

/// Low-rank products of models of captions, of both kinds.
@Suite struct CaptionAdapterTests {
    @Test(arguments: [DenoiserOptions.Conditioning.joint, .cross])
    func productsAreTrained(conditioning: DenoiserOptions.Conditioning) throws {
        try TinyRuns.withCaptions { runs in
            func captions(_ configuration: inout Configuration) {
                runs.onCaptions(&configuration)
                configuration.model.conditioning = conditioning
            }
            let start = try runs.train("start") {
                captions(&$0)
                $0.training.steps = 3
            }.run
            let outcome = try runs.wholeAndResumed(stopAfter: 4) {
                captions(&$0)
                $0.from = start.path
                $0.training.train = .lora
                $0.training.recompute = true
                $0.lora.targets = ["attn", "t_embedder"]
            }
            func weights(_ path: String) throws -> [String: [Float]] {
                let model = try DenoiserCheckpoint(path: path).load(.ema)
                return Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.value.values) })
            }
            let (before, after) = (try weights(start.path), try weights(outcome.whole.path))
            #expect(try after == weights(outcome.resumed.run.path))
            let changed = before.keys.filter { before[$0] != after[$0] }
            #expect(changed.count > 4, "\(changed)")
            #expect(
                changed.allSatisfy { $0.hasSuffix(".weight") && $0.contains("attn.") || $0.contains("t_embedder.") })
            let merged = try DenoiserCheckpoint(path: start.path)
                .adapted(by: [LoRAChoice(path: "\(outcome.whole.stepPath(6))/lora")]).load(.ema)
            for parameter in merged.parameters {
                #expect(relativeError(parameter.value.values, after[parameter.name]!) < 1e-5, "\(parameter.name)")
            }
        }
    }
}
