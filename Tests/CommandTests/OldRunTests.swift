import Foundation
import PixNerdCheckpoints
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// A run that version 0.1.0 began is read, sampled and resumed.
@Suite struct OldRunTests {
    /// The kernels that the old program ran with.
    private struct Kernels: Codable, Equatable {
        var instructionSet: String
        var blas: String?
        var blasCore: String?
    }

    private static func withOldRun(_ body: (Workplace) throws -> Void) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.makeFolder("runs")
            try FileManager.default.copyItem(atPath: Fixtures.path("run-0.1.0/tiny"), toPath: place.path("runs/tiny"))
            try body(place)
        }
    }

    /// The metadata without keys that version 0.1.0 did not know.
    private func known(_ file: SafetensorsFile) -> [String: String] {
        file.metadata.filter { $0.key != "label_dropout" }
    }

    /// From step 2 on to the same weights and optimizer state of step 4: to the bit where the kernels are the same.
    @Test func itGoesOnAsTheOldProgramDid() throws {
        try Self.withOldRun { place in
            let steps = ["runs/tiny/step-0000004", "runs/tiny/latest"]
            for path in steps { try FileManager.default.removeItem(atPath: place.path(path)) }
            let outcome = try place.succeed("train", "tiny.yaml", "--set", "training.steps=4", "--resume")
            #expect(!outcome.errors.contains("begins anew"), "\(outcome.errors)")

            let machine = Machine()
            let own = Kernels(
                instructionSet: machine.instructionSet, blas: machine.blas, blasCore: machine.blasCore)
            let recorded = try JSONDecoder().decode(
                Kernels.self,
                from: Data(contentsOf: URL(fileURLWithPath: Fixtures.path("run-0.1.0/machine.json"))))
            for file in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"] {
                let old = try SafetensorsFile(path: Fixtures.path("run-0.1.0/tiny/step-0000004/\(file)"))
                let new = try SafetensorsFile(path: place.path("\(steps[0])/\(file)"))
                #expect(new.names == old.names && known(new) == old.metadata, "\(file)")
                for name in old.names {
                    let (expected, actual) = (try old.tensor(name), try new.tensor(name))
                    // AdamW's second moments are squares, so their relative error is twice that of a gradient.
                    expectClose(actual, expected, .run, "\(file) \(name)")
                    if own == recorded { #expect(actual.values == expected.values, "\(file) \(name)") }
                }
            }
        }
    }

    @Test func itIsDescribedAndSampled() throws {
        try Self.withOldRun { place in
            let text = try place.succeed("info", "runs/tiny").output
            #expect(text.contains("hidden_size 16"), "\(text)")
            try place.succeed("sample", "runs/tiny", "--steps", "2", "--seeds", "1", "--out", "a.png")
            #expect(place.exists("a.png"))
        }
    }

    /// Names and metadata that old programs read stay as they are.
    @Test func aNewRunHasTheSameFilesAndKeys() throws {
        try Workplace.with { place in
            try place.train()
            let old = Fixtures.path("run-0.1.0/tiny")
            for file in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"] {
                let before = try SafetensorsFile(path: "\(old)/step-0000002/\(file)")
                let after = try SafetensorsFile(path: place.path("runs/tiny/step-0000002/\(file)"))
                #expect(after.names == before.names && known(after) == before.metadata, "\(file)")
            }
            let config = try String(contentsOfFile: "\(old)/config.yaml", encoding: .utf8)
            let own = String(decoding: try place.bytes("runs/tiny/config.yaml"), as: UTF8.self)
            // Without the keys that came later.
            let later = [
                "num_text_blocks", "caption_key", "caption_template", "caption_newline", "skip_uncaptioned", "prompts",
                "field_positions", "field_neighbors", "field_overlap", "told_density", "dropout", "augment",
                "augment_only", "channels", "range", "exif", "holdout", "holdout_root", "holdout_every",
                "holdout_images", "distance_every", "distance_images", "distance_weights",
                "ema_lengths",
                "target", "noise_rank", "noise_scale", "time_mean", "time_std", "time_weight", "frequency_weight",
                "frequency_quality", "optimizer", "muon_momentum", "labels", "label_key",
                "values", "buckets", "floor", "conditioning", "modulation", "channel_shift", "channel_scale",
                "train", "freeze", "condition", "condition_scale", "architecture",
            ]
            let lines = own.replacing(
                /\n(text|dispersive|few_steps|control|start|lora|subject|video):(\n  .*)+/, with: ""
            ).split(
                separator: "\n"
            ).filter { line in
                !later.contains { line.hasPrefix("  \($0): ") } && !line.hasPrefix("from: ")
            }
            let oldLines = config.replacingOccurrences(of: "steps: 4\n", with: "steps: 3\n").split(separator: "\n")
            #expect(lines == oldLines)
            #expect(own.split(separator: "\n").count == oldLines.count + later.count + 41)
        }
    }
}
