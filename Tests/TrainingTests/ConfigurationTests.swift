import Foundation
import PixNerdDiffusion
import PixNerdModels
import PixNerdSpaces
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// Values of configurations: defaults, files, overrides and presets.
@Suite struct ConfigurationTests {
    private func configuration(_ text: String, _ settings: [String] = []) throws -> Configuration {
        try Configuration(text: text, origin: "a.yaml", settings: settings)
    }

    @Test(arguments: ["", "# nothing but a remark\n", "training:\nmodel:\n", "{}", "training: {}\n"])
    func whatIsNotGivenHasItsDefault(text: String) throws {
        #expect(try configuration(text) == Configuration())
    }

    @Test func everyKindOfValueIsRead() throws {
        let read = try configuration(
            """
            name: on
            seed: 18446744073709551615
            training:
              steps: 12
              learning_rate: 1e-3
              ema_warmup: false
              time_sampling: uniform
            data: {root: "a b", image_size: 64}
            """)
        var expected = Configuration()
        expected.name = "on"
        expected.seed = .max
        expected.training.steps = 12
        expected.training.learningRate = 1e-3
        expected.training.emaWarmup = false
        expected.training.timeSampling = .uniform
        expected.data.root = "a b"
        expected.data.imageSize = 64
        #expect(read == expected)
    }

    @Test func settingsWinOverTheFile() throws {
        let read = try configuration(
            "name: a\ntraining:\n  steps: 5\n  batch_size: 7\n",
            ["training.steps=6", "name=b=c", "training.steps=8", "data.root="])
        #expect(read.training.steps == 8)
        #expect(read.training.batchSize == 7)
        #expect(read.name == "b=c")
        #expect(read.data.root == "")
    }

    @Test func aPresetIsChangedBySingleSizes() throws {
        let large = try configuration("model:\n  preset: L/16\n")
        let architecture = try PixNerdArchitecture(preset: "L/16")
        let asked = try configuration("model: {preset: L/16, num_classes: 1000}").architecture(channels: 3)
        #expect(asked.isSame(as: architecture))
        // Anywhere in the file.
        for text in ["model: {num_blocks: 25, preset: L/16}", "model: {preset: L/16, num_blocks: 25}"] {
            var expected = large
            expected.model.blocks = 25
            #expect(try configuration(text) == expected)
        }
        #expect(try configuration("model: {preset: L/16}", ["model.num_blocks=26"]).model.blocks == 26)
        #expect(try configuration("model: {preset: B/16}", ["model.preset=L/16"]) == large)
    }

    @Test func impossibleSizesAreRefusedWithTheKey() throws {
        let read = try configuration("model: {hidden_size: 30, num_groups: 4, num_classes: 2}")
        let error = #expect(throws: PixNerdError.self) { try read.architecture(channels: 3) }
        expectSentence(error?.description ?? "", naming: ["hidden_size 30", "num_groups 4"])
    }

    @Test func differencesNameTheKeyAndBothValues() throws {
        let (old, new) = (Configuration(), try configuration("training: {steps: 5}\nname: x\n"))
        #expect(old.differences(from: old).isEmpty)
        let differences = new.differences(from: old)
        #expect(differences.map(\.key.name) == ["name", "training.steps"])
        #expect(differences.map(\.own) == ["x", "5"])
        #expect(differences.map(\.other) == ["run", "10000"])
    }

    @Test func runsLieInTheirDirectory() throws {
        #expect(try configuration("name: a").runPath == "checkpoints/a")
        #expect(try configuration("name: a\ndirectory: /b/").runPath == "/b/a")
    }

    // Round trips

    @Test(arguments: [
        "on", "off", "1e3", "0x10", "null", "~", "true", "it's", "\"q\"", "a: b", "# c", "- d", "a b", " lead",
        "trail ", "tab\tin", "ünïcødé", "日本", "🙂", "%", "@x", "&y", "*z", "!t", "{a", "[b", "12:30:45",
        "2020-01-01", "=", "|",
        String(repeating: "long words ", count: 30) + "end",
    ])
    func oddTextsComeBack(text: String) throws {
        var written = Configuration()
        written.name = text
        // As a path, ~ is the home directory.
        written.directory = text == "~" ? "./~" : text
        written.data.root = "/\(text)/\(text)"
        #expect(try configuration(written.yaml) == written)
    }

    @Test func everyKeyComesBack() throws {
        // Every key gets a value that is not its default.
        let settings = [
            "name=a", "directory=b", "seed=9", "threads=1", "precision=bf16", "kind=autoencoder", "space=latent",
            "model.architecture=from", "model.preset=B/16",
            "model.hidden_size=24",
            "model.num_groups=3", "model.num_blocks=9", "model.num_cond_blocks=7", "model.patch_size=8",
            "model.head=linear",
            "model.hidden_size_x=5", "model.nerf_mlpratio=3", "model.field_positions=centers",
            "model.field_neighbors=true", "model.field_overlap=2", "model.told_density=true",
            "from=checkpoints/other", "latent.channel_shift=[0.1, -0.2]", "latent.channel_scale=[2, 3]",
            "model.conditioning=cross_attention", "model.modulation=single",
            "model.num_text_blocks=1", "model.num_classes=11",
            "data.root=c", "data.labels=m.csv", "data.label_key=kind", "data.values=age,zoom",
            "data.image_size=24", "data.buckets=24,16x40", "data.workers=3", "data.prefetch_batches=5",
            "data.prefetch_megabytes=7",
            "data.channels=grey", "data.range=0,4095", "data.exif=ignore", "data.crop=random", "data.flip=true",
            "data.augment=0.12", "data.augment_only=scale,turn", "data.condition=small", "data.condition_scale=2",
            "data.holdout=0.05", "data.holdout_root=n", "training.holdout_every=8", "training.holdout_images=32",
            "training.distance_every=6", "training.distance_images=16", "training.distance_weights=o",
            "data.fast_decode=true", "data.caption_key=i",
            "data.caption_template=a {}", "data.caption_newline=true", "data.skip_uncaptioned=true",
            "text.encoder=j", "text.cache=k", "text.length=77", "text.empty_prompt=sees-padding",
            "sampling.prompts=l", "training.steps=3", "training.batch_size=5",
            "training.accumulate=5", "training.warmup_steps=2", "training.schedule=cosine", "training.recompute=true",
            "training.shard_optimizer=true",
            "training.skip_outliers=4.5", "training.keep_last=2", "training.keep_every=9",
            "training.on_save_failure=continue", "training.learning_rate=0.30000001", "training.beta1=0.1",
            "training.beta2=0.2", "training.epsilon=1e-7", "training.weight_decay=0.3", "training.gradient_clip=0.7",
            "training.ema_decay=0.4,0.0001, 1", "training.ema_warmup=false", "training.label_dropout=0.6",
            "training.time_sampling=uniform", "training.time_shift=2.5", "training.field_sizes=16,40",
            "training.log_every=4", "model.dropout=0.1", "training.optimizer=muon", "training.muon_momentum=0.5",
            "training.ema_lengths=0.05,0.1", "training.target=picture", "training.noise_rank=3",
            "training.noise_scale=2.0", "training.floor=0.02",
            "training.time_mean=-0.8", "training.time_std=0.8", "training.time_weight=snr",
            "training.frequency_weight=0.5", "training.frequency_quality=50", "dispersive.weight=0.25",
            "dispersive.form=pixnerd", "dispersive.layer=2", "dispersive.temperature=0.5",
            "few_steps.method=split", "few_steps.teacher=m", "few_steps.guidance_max=3.0",
            "few_steps.velocity_share=0.25",
            "training.train=lora", "training.freeze=[blocks.0, y_embedder]", "start.weights=raw",
            "start.classes=extend",
            "start.like=cat", "lora.rank=4", "lora.alpha=2", "lora.dropout=0.1", "lora.targets=[attn.qkv]",
            "subject.class=ship", "subject.prior_weight=0.5",
            "control.edges=hed", "control.pictures=p", "control.hed=o", "control.blocks=2",
            "control.fields=true",
            "training.save_every=6", "training.preview_every=7", "repa.encoder=d", "repa.heads=6",
            "repa.features=e", "repa.layer=4", "repa.weight=0.75", "repa.projector_width=40", "repa.base_patch=4",
            "latent.vae=f", "latent.cache=g", "latent.scaling_factor=0.5", "latent.shift_factor=0.25",
            "latent.check_scale=false", "autoencoder.latent_channels=8", "autoencoder.block_out_channels=16,32",
            "autoencoder.layers_per_block=2", "autoencoder.norm_num_groups=8",
            "autoencoder.mid_block_add_attention=false", "autoencoder.reconstruction=l2", "autoencoder.kl_weight=0.001",
            "autoencoder.perceptual=h", "autoencoder.perceptual_weight=0.5",
            "sampling.steps=8", "sampling.guidance=1.25",
            "sampling.guidance_lower=0.15", "sampling.guidance_upper=0.85", "sampling.shift=1.5",
            "sampling.classes=2", "sampling.per_class=3",
            "video.frames=9", "video.time_factor=2", "video.filters=24", "video.channel_multipliers=1,3",
            "video.num_res_blocks=2", "video.num_groups=4",
        ]
        let written = try configuration("", settings)
        #expect(written.differences(from: Configuration()).map(\.key.name) == Configuration.keys.map(\.name))
        #expect(try configuration(written.yaml) == written)
        #expect(written.yaml.split(separator: "\n").count == Configuration.keys.count + 15, "keys and sections")
    }

    // The repository's own configurations

    private static let examples: [String] = {
        let folder = "\(Fixtures.directory)/../../configs"
        // Comparisons have another file format.
        return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasSuffix(".yaml") && !$0.hasPrefix("compare-") }.sorted().map { "\(folder)/\($0)" }
    }()

    @Test func thereAreExamples() { #expect(Self.examples.count >= 3) }

    @Test(arguments: examples)
    func examplesAreWholeAndPossible(path: String) throws {
        var example = try Configuration(yaml: path)
        #expect(URL(fileURLWithPath: path).lastPathComponent == "\(example.name).yaml")
        #expect(sizeProblem(example.data.imageSize, multiple: ImageSize(example.model.patchSize)) == nil)
        example.model.classes = 10
        // The sizes of a published model are its own.
        if example.modelSource != .from {
            #expect(throws: Never.self) { try example.architecture(channels: 3) }
        }
        #expect(try configuration(example.yaml) == example)
    }

    @Test func theTableOfKeysHasThemAll() {
        let lines = Configuration.keyTable.split(separator: "\n")
        #expect(lines.count == Configuration.keys.count)
        for (line, key) in zip(lines, Configuration.keys) {
            #expect(line.hasPrefix(key.name + " ") && line.hasSuffix(key.help))
        }
    }
}
