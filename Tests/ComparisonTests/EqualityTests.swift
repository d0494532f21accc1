import PixNerdComparison
import PixNerdTensors
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// What is not equal between pipelines is found, and what a space must differ in is not held against them.
@Suite struct EqualityTests {
    private func unequal(_ settings: [String], _ tiny: TinyComparison) throws -> [String] {
        let configuration = try ComparisonConfiguration(text: tiny.text, origin: "a.yaml", settings: settings)
        return Equality(configuration.pipelines).unequal.map(\.key)
    }

    @Test func spacesAndHeadsMayDiffer() throws {
        let tiny = TinyComparison(directory: "nowhere")
        #expect(try unequal([], tiny) == [])
        #expect(try unequal(["pipelines.linear.model.hidden_size_x=32"], tiny) == [])
        #expect(try unequal(["pipelines.linear.data.workers=3"], tiny) == [])
        // What all share is no difference.
        #expect(try unequal(["data.crop=random", "training.steps=7", "seed=9"], tiny) == [])
    }

    @Test(arguments: [
        ("data.crop=random", "data.crop"), ("training.steps=2", "training.steps"), ("seed=4", "seed"),
        ("data.flip=true", "data.flip"), ("data.root=elsewhere", "data.root"),
        ("training.batch_size=8", "training.batch_size"),
        ("training.ema_decay=0.5", "training.ema_decay"), ("training.time_shift=2", "training.time_shift"),
        ("training.time_sampling=uniform", "training.time_sampling"), ("training.beta2=0.9", "training.beta2"),
        ("training.learning_rate=0.1", "training.learning_rate"), ("training.schedule=cosine", "training.schedule"),
        ("model.hidden_size=32", "model.hidden_size"), ("model.num_cond_blocks=1", "model.num_cond_blocks"),
        ("model.patch_size=8", "tokens"), ("repa.encoder=x", "repa.encoder"), ("threads=1", "threads"),
        ("training.label_dropout=0", "training.label_dropout"),
    ])
    func whatElseDiffersIsNamed(setting: String, key: String) throws {
        let tiny = TinyComparison(directory: "nowhere")
        for pipeline in ["field", "linear", "latent"] {
            #expect(try unequal(["pipelines.\(pipeline).\(setting)"], tiny) == [key])
        }
    }

    @Test func everyKeyIsComparedOrKnownToBeFree() throws {
        let tiny = TinyComparison(directory: "nowhere")
        let configuration = try ComparisonConfiguration(text: tiny.text, origin: "a.yaml")
        let compared = Set(Equality(configuration.pipelines).compared.map(\.key))
        let free = Configuration.keys.map(\.name).filter { !compared.contains($0) }
        // A new key is compared unless it is put here and there.
        let known = [
            "name", "directory", "space", "model.preset", "model.num_blocks", "model.patch_size", "model.head",
            "model.hidden_size_x", "model.nerf_mlpratio", "data.workers", "data.prefetch_batches",
            "data.prefetch_megabytes", "training.field_sizes", "training.log_every", "training.save_every",
            "training.keep_last", "training.keep_every", "training.on_save_failure", "training.preview_every",
        ]
        #expect(
            free.filter { !$0.hasPrefix("latent.") && !$0.hasPrefix("autoencoder.") && !$0.hasPrefix("sampling.") }
                == known)
    }

    @Test func aRunThatIsTakenIsReadAndMarked() throws {
        try TinyComparison.with { tiny in
            let first = try tiny.comparison()
            let unit = try #require(first.units.first)
            #expect(unit == .training(pipeline: "field"))
            #expect(try first.perform(unit, shouldStop: { false }))
            func taking(_ changes: String) -> String {
                tiny.text.replacingOccurrences(of: "name: tiny", with: "name: other").replacingOccurrences(
                    of: "    model: {patch_size: 4}\n", with: "    run: \(tiny.directory)/tiny/runs/field\n"
                ).replacingOccurrences(of: "seed: 3", with: changes)
            }
            let same = try tiny.comparison(text: taking("seed: 3"))
            #expect(same.equality.isEqual)
            #expect(same.summary.contains("Everything but space and head is equal."))
            let other = try tiny.comparison(["training.steps=6", "evaluation.checkpoints=4"], text: taking("seed: 4"))
            #expect(other.equality.unequal.map(\.key) == ["seed", "training.steps"])
            for part in ["NOT EQUAL", "seed is 3 in field, 4 in linear, 4 in latent", "training.steps is 4 in field"] {
                #expect(other.summary.contains(part), "\(part)")
            }
        }
    }
}
