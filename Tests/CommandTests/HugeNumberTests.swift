import PixNerdTestSupport
import Testing

/// Numbers that no machine can work with are refused in one sentence, before anything is made.
@Suite struct HugeNumberTests {
    @Test(arguments: [
        "model.hidden_size=4294967296", "model.num_blocks=4611686018427387904", "model.hidden_size_x=3037000500",
        "model.nerf_mlpratio=4611686018427387904", "model.num_classes=9223372036854775807",
        "data.image_size=3037000500", "data.prefetch_megabytes=8796093022208",
        "training.batch_size=4611686018427387904", "training.field_sizes=8796093022208",
        "sampling.per_class=4294967296", "sampling.steps=8796093022208",
    ])
    func ofAConfiguration(setting: String) throws {
        try refuseTraining([setting], naming: [String(setting.prefix { $0 != "=" })])
    }

    /// Values within the bounds of each key that together need more memory than there is.
    @Test(arguments: [
        ["model.hidden_size=65536", "model.num_groups=16", "model.num_blocks=1024"],
        ["model.num_classes=10000000", "model.hidden_size=65536", "model.num_groups=16"],
        ["training.batch_size=1048576", "model.hidden_size=65536", "model.num_groups=16"],
        ["training.field_sizes=16384", "training.batch_size=65536"],
    ])
    func thatNeedTooMuchMemory(settings: [String]) throws {
        try refuseTraining(settings, naming: ["The run needs", "of memory"])
    }

    @Test(arguments: ["pictures", "batch", "steps", "resamples", "round_trips", "per_class", "classes", "checkpoints"])
    func ofAComparison(key: String) throws {
        try Workplace.with { place in
            try place.write("pipelines: {a: {seed: 1}, b: {seed: 2}}\n", to: "compare.yaml")
            try place.refuse(
                "compare", "compare.yaml", "--set", "evaluation.\(key)=9223372036854775807",
                naming: ["evaluation.\(key)", "9223372036854775807"])
            #expect(!place.exists("checkpoints"))
        }
    }

    @Test func ofPreviewsAndThreads() throws {
        try refuseTraining(
            ["training.preview_every=1", "sampling.per_class=10000000"], naming: ["sampling.per_class", "previews"])
        try refuseTraining(["data.workers=1024"], naming: ["data.workers", "on this machine"])
        try refuseTraining(["threads=1024"], naming: ["threads", "on this machine"])
    }

    private func refuseTraining(
        _ settings: [String], naming needed: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.refuse(
                ["train", "tiny.yaml"] + settings.flatMap { ["--set", $0] }, naming: needed,
                sourceLocation: sourceLocation)
            #expect(!place.exists("runs"))
        }
    }

    @Test(arguments: [
        ["bench", "--repeats", "9223372036854775807"], ["bench", "--threads", "100000000"],
        ["vae", "check", "a", "b", "--size", "4294967296"],
        ["vae", "check", "a", "b", "--batch", "9223372036854775807"],
        ["vae", "compare", "a", "b", "--count", "9223372036854775807"], ["info", "--heads", "9223372036854775807"],
        ["verify", "a", "b", "--repa-layer", "9223372036854775807"],
        ["encode", "latents", "a", "b", "--out", "c", "--size", "3037000500"],
        ["evaluate", "a", "b", "--limit", "9223372036854775807"],
        ["evaluate", "a", "b", "--patch", "9223372036854775807"],
        ["dataset", "shapes", "--out", "a", "--per-class", "9223372036854775807"],
        ["dataset", "inspect", "a", "--image-size", "9223372036854775807"],
    ])
    func ofOptions(arguments: [String]) throws {
        try Workplace.with { place in
            let option = try #require(arguments.last { $0.hasPrefix("--") })
            try place.refuse(arguments, naming: [option, "at most"])
        }
    }
}
