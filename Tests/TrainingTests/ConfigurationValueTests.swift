import Foundation
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// What people write in YAML and after `--set`: other spellings of true and nothing, lists, aliases, `~`.
@Suite struct ConfigurationValueTests {
    private func configuration(_ text: String = "", _ settings: String...) throws -> Configuration {
        try Configuration(text: text, origin: "a.yaml", settings: settings)
    }

    private func refuse(
        _ text: String, _ settings: [String] = [], naming needed: [String],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let error = #expect(throws: PixNerdError.self, sourceLocation: sourceLocation) {
            try Configuration(text: text, origin: "a.yaml", settings: settings)
        }
        expectSentence(error?.description ?? "", naming: needed, sourceLocation: sourceLocation)
    }

    @Test(arguments: ["true", "True", "TRUE"])
    func trueHasThreeSpellings(word: String) throws {
        #expect(try configuration("data: {flip: \(word)}").data.flip)
        #expect(try configuration("", "data.flip=\(word)").data.flip)
        let no = word.replacing("true", with: "false").replacing("True", with: "False").replacing("TRUE", with: "FALSE")
        #expect(try !configuration("training: {ema_warmup: \(no)}").training.emaWarmup)
    }

    @Test(arguments: ["yes", "on", "tRUE", "1"])
    func otherWordsAreNotTrue(word: String) {
        refuse("data: {flip: \(word)}", naming: ["a.yaml:1:", "data.flip is '\(word)'", "true or false"])
    }

    @Test(arguments: ["null", "Null", "NULL", "~", ""])
    func nullIsNothing(word: String) throws {
        #expect(try configuration("repa:\n  encoder: \(word)\n").repa.encoder == "")
        #expect(try configuration("training:\n  field_sizes: \(word)\n").training.fieldSizes == [])
        #expect(try configuration("data: {root: a}\ntraining: \(word)\n").data.root == "a")
        refuse("name: \(word)\n", naming: ["a.yaml:1:", "name has no value", "not empty"])
        refuse("training:\n  steps: \(word)\n", naming: ["a.yaml:2:", "training.steps has no value", "whole number"])
        refuse("directory: \(word)\n", naming: ["a.yaml:1:", "directory has no value"])
        refuse("", ["name=\(word)"], naming: ["overrides:", "name has no value"])
    }

    @Test func quotedTextStaysText() throws {
        #expect(try configuration("name: 'null'").name == "null")
        #expect(try configuration("name: \"~\"").name == "~")
        #expect(try configuration("name: !!str null").name == "null")
        #expect(try configuration("", "name='null'").name == "null")
        #expect(try configuration("", "name=\"my run\"").name == "my run")
        #expect(try configuration("", "name=it's").name == "it's")
        #expect(try configuration("", "name='a' and 'b'").name == "'a' and 'b'")
        let names = ["null", "~", "True", "a, b", "it's", "\"q\"", "[1]", "<<", "1e3"]
        for name in names {
            var written = Configuration()
            written.name = name
            #expect(try Configuration(text: written.yaml, origin: "a.yaml") == written)
        }
    }

    @Test(arguments: ["[8, 16]", "8,16", "[8,16]", " [ 8 , 16 ] ", "['8', \"16\"]", "8, 16"])
    func listsInBracketsAreTakenAsInAFile(list: String) throws {
        #expect(try configuration("", "training.field_sizes=\(list)").training.fieldSizes == [8, 16])
    }

    @Test func listsThatAreNone() throws {
        #expect(try configuration("", "training.field_sizes=[]").training.fieldSizes == [])
        #expect(try configuration("", "training.ema_decay=[0.9, 0.99]").training.emaDecay == [0.9, 0.99])
        refuse("", ["training.field_sizes=[8, 16"], naming: ["overrides:", "'[8, 16'", "a list such as [8, 16]"])
        refuse("", ["training.field_sizes=[8, [16]]"], naming: ["overrides:", "training.field_sizes", "list"])
        refuse("", ["training.steps=[8]"], naming: ["overrides:", "training.steps is '[8]'"])
        refuse("training: {field_sizes: [8, {a: 1}]}", naming: ["a.yaml:1:", "training.field_sizes is '8,{...}'"])
    }

    @Test func mergeKeysAreFollowed() throws {
        let text = """
            training: &base {steps: 5, batch_size: 3, log_every: 2}
            sampling:
              <<: {steps: 7, classes: 2}
              classes: 3
            """
        let read = try configuration(text)
        #expect(read.training.steps == 5 && read.sampling.steps == 7 && read.sampling.classes == 3)
        let several = "training: &a {steps: 5}\nsampling: {<<: [{steps: 1}, *a, {classes: 4}]}\n"
        #expect(try configuration(several).sampling.steps == 1)
        #expect(try configuration(several).sampling.classes == 4)
        refuse("training: {<<: 5}", naming: ["a.yaml:1:", "<<", "alias"])
        refuse("training: {? [a] : 5}", naming: ["a.yaml:1:", "a key is a list"])
    }

    @Test func aliasesOfAliasesEnd() {
        var text = "a0: &a0 {x: 1, y: 2}\n"
        for level in 1..<40 { text += "a\(level): &a\(level) {x: *a\(level - 1), y: *a\(level - 1)}\n" }
        refuse(text, naming: ["a.yaml", "too many values"])
        var merged = "a0: &a0 {x: 1}\n"
        for level in 1..<40 { merged += "a\(level): &a\(level) {<<: [*a\(level - 1), *a\(level - 1)]}\n" }
        refuse(merged, naming: ["a.yaml", "too many values"])
    }

    @Test(arguments: [
        "directory", "data.root", "repa.encoder", "repa.features", "latent.vae", "latent.cache",
        "autoencoder.perceptual",
    ])
    func theHomeDirectoryIsFound(key: String) throws {
        let home = try #require(ProcessInfo.processInfo.environment["HOME"])
        let parts = key.split(separator: ".")
        func text(_ value: String) -> String {
            parts.count == 1 ? "\(key): \(value)" : "\(parts[0]): {\(parts[1]): \(value)}"
        }
        func value(_ configuration: Configuration) throws -> String {
            try #require(Configuration.keys.first { $0.name == key }).read(configuration)
        }
        #expect(try value(configuration(text("~/runs"))) == "\(home)/runs")
        #expect(try value(configuration("", "\(key)=~/runs")) == "\(home)/runs")
        #expect(try value(configuration("", "\(key)=~")) == home)
        #expect(try value(configuration(text("'~'"))) == home)
        #expect(try value(configuration(text("a/~"))) == "a/~")
        refuse(text("~someone/runs"), naming: ["a.yaml:1: \(key)", "'~someone/runs'", "./~someone/runs"])
        refuse("", ["\(key)=~someone"], naming: ["overrides: \(key)", "'~someone'", "./~someone"])
    }
}
