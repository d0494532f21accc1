import Foundation
import PixNerdDiffusion
import PixNerdSpaces
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// An error in a configuration is one sentence with the place, the key and the expected value.
@Suite struct ConfigurationErrorTests {
    private func refuse(
        _ text: String, _ settings: [String] = [], naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: PixNerdError.self, sourceLocation: sourceLocation) {
            try Configuration(text: text, origin: "configs/a.yaml", settings: settings)
        }
        expectSentence(error?.description ?? "", naming: needed, sourceLocation: sourceLocation)
    }

    @Test(arguments: [
        ("training.batchsize", "training.batch_size"), ("training.batch-size", "training.batch_size"),
        ("learning_rte", "training.learning_rate"), ("training.learning_rte", "training.learning_rate"),
        ("model.hidden", "model.hidden_size"), ("model.hidden_sise", "model.hidden_size"),
        ("model.hiddensize_x", "model.hidden_size_x"), ("batch", "training.batch_size"),
        ("training.image_size", "data.image_size"), ("model.classes", "model.num_classes"), ("sed", "seed"),
        ("sampling.guidence", "sampling.guidance"), ("data.worker", "data.workers"),
        ("training.stpes", "training.steps"),
        ("sampling.stpes", "sampling.steps"), ("Name", "name"), ("training.optimizer.beta1", "training.beta1"),
    ])
    func anUnknownKeyIsNamedWithTheNearest(key: String, nearest: String) {
        refuse("", ["\(key)=1"], naming: ["overrides: ", "no key \(key); ", "did you mean \(nearest)?"])
    }

    @Test func anUnknownKeyIsNamedWithItsLine() {
        refuse(
            "# remark\nname: a\n\ntraining:\n  steps: 5\n  batchsize: 3\n",
            naming: ["configs/a.yaml:6:", "training.batchsize", "training.batch_size?"])
        refuse("hidden_size: 3", naming: ["configs/a.yaml:1:", "hidden_size", "model.hidden_size?"])
        refuse("a:\n  b:\n    c: 1", naming: ["configs/a.yaml:3:", "a.b.c"])
    }

    @Test(arguments: [
        ("training.steps", "abc", "a whole number from 1 to 1000000000"), ("training.steps", "1.5", "a whole number"),
        ("training.steps", "1e3", "a whole number"), ("training.steps", "''", "a whole number"),
        ("training.steps", "99999999999999999999", "a whole number"), ("seed", "-1", "a non-negative whole number"),
        ("training.learning_rate", "fast", "a number of at least 0"), ("training.learning_rate", ".nan", "a number"),
        ("training.learning_rate", "nan", "a number"), ("training.learning_rate", "1e60", "a number"),
        ("training.ema_warmup", "maybe", "true or false"), ("training.ema_warmup", "1", "true or false"),
        ("training.time_sampling", "normal", "uniform or lognormal"), ("model.preset", "S/2", "B/16, L/16, XL/16"),
        // Out of range.
        ("training.steps", "0", "from 1 to"), ("training.batch_size", "-4", "from 1 to"),
        ("training.learning_rate", "-0.1", "of at least 0"), ("training.beta2", "1", "from 0.0 to 0.999999"),
        ("training.ema_decay", "1.01", "from 0 to 1"), ("training.time_shift", "0", "from 0.001 to 1000.0"),
        ("sampling.guidance_lower", "-1", "from 0.0 to 1.0"), ("model.hidden_size", "3", "from 4 to 65536"),
        ("threads", "-1", "from 0 to"), ("name", "a/b", "without slashes"), ("name", "''", "not empty"),
        ("name", ".hidden", "not beginning with a dot"),
    ])
    func aWrongValueIsNamedWithItsLineAndWhatIsExpected(key: String, value: String, expected: String) {
        let shown = value == "''" ? "" : value
        let parts = key.split(separator: ".")
        let text = parts.count == 1 ? "# one\n\(key): \(value)" : "\(parts[0]):\n  \(parts[1]): \(value)"
        refuse(text, naming: ["configs/a.yaml:2:", "\(key) is '\(shown)'", expected])
        guard value != "''" else { return }
        refuse("", ["\(key)=\(value)"], naming: ["overrides: ", "\(key) is '\(value)'", expected])
    }

    @Test func otherKindsOfNodesAreNamed() {
        refuse("name: b\ntraining:\n  steps: [1, 2]\n", naming: [":3:", "training.steps is a list", "a whole number"])
        refuse("training:\n  - steps: 1\n", naming: ["configs/a.yaml:2:", "training is a list", "a section"])
        refuse(
            "training:\n  steps: {a: 1}\n",
            naming: ["configs/a.yaml:2:", "training.steps holds keys", "whole number"])
        refuse("name: b\ntraining: 5\n", naming: ["configs/a.yaml:2:", "training is a section", "training.steps"])
        refuse("", ["model=B/16"], naming: ["overrides:", "model is a section", "model.architecture"])
        refuse("training:\n  steps:\n", naming: ["configs/a.yaml:2:", "training.steps has no value"])
        for text in ["just words", "- a\n- b\n", "5"] { refuse(text, naming: ["configs/a.yaml", "keys and values"]) }
    }

    @Test(arguments: [
        ("name: a\n  steps: [\n", "configs/a.yaml:2:"), ("name: \"a\n", "configs/a.yaml:2:"),
        ("name: *x\n", "configs/a.yaml:1:"), ("\tname: x\n", "configs/a.yaml:1:"),
        ("a: 1\n---\nb: 2\n", "configs/a.yaml:2:"),
        ("name: a\u{1}b\n", "configs/a.yaml"), ("{a: 1\n", "configs/a.yaml:2:"),
    ])
    func textThatIsNotYAMLIsRefusedWithItsLine(text: String, place: String) {
        refuse(text, naming: [place, "not valid YAML"])
    }

    @Test func aKeyThatStandsTwiceIsNamed() {
        refuse("training:\n  steps: 5\n  steps: 6\n", naming: ["configs/a.yaml", "steps", "more than once"])
    }

    @Test(arguments: ["training.steps", "", "training.steps 5", "=5"])
    func settingsNeedAKeyAndAnEqualsSign(setting: String) {
        refuse("", [setting], naming: ["overrides"])
    }

    @Test func filesThatCannotBeReadAreNamed() throws {
        try withTemporaryDirectory { directory in
            try Data([0xFF, 0xFE, 0x00]).write(to: URL(fileURLWithPath: "\(directory)/binary.yaml"))
            for path in ["\(directory)/missing.yaml", directory, "\(directory)/binary.yaml"] {
                let error = #expect(throws: PixNerdError.self) { try Configuration(yaml: path) }
                expectSentence(error?.description ?? "", naming: [path])
            }
        }
    }

    @Test(arguments: [
        (18, 4, 20), (17, 4, 16), (30, 16, 32), (1, 16, 16), (0, 4, 4), (-8, 4, 4), (23, 16, 16), (24, 16, 32),
        (Int.max, 4, Int.max - 3), (7, 3, 6), (8, 3, 9),
    ])
    func aSizeThatPatchesDoNotDivideGetsTheNearestThatWorks(size: Int, patch: Int, nearest: Int) {
        let sentence = (sizeProblem(size, multiple: patch) ?? "") + "."
        expectSentence(sentence, naming: ["is \(size)", "\(patch) x \(patch)", "is \(nearest)."])
        #expect(sizeProblem(nearest, multiple: patch) == nil)
    }
}
