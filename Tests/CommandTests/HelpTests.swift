import Testing

/// Help, version and usage.
@Suite struct HelpTests {
    @Test(arguments: [
        [], ["train"], ["sample"], ["verify"], ["dataset"], ["dataset", "shapes"], ["dataset", "inspect"],
        ["dataset", "judge-shapes"],
        ["bench"],
        ["evaluate"],
        ["info"], ["encode"], ["encode", "features"], ["encode", "control"], ["vae"], ["vae", "check"],
        ["vae", "encode"],
        ["vae", "decode"],
        ["vae", "compare"], ["compare"],
        ["tokenize"], ["text-encoder"], ["text-encoder", "init"], ["encode", "text"], ["encode", "prompts"],
        ["detect-empty-prompt"],
        ["average"], ["tune"], ["distill"], ["dreambooth"], ["studio"],
    ])
    func everyCommandShowsAnExample(command: [String]) throws {
        try Workplace.with { place in
            let help = try place.run(command + ["--help"])
            #expect(help.isExit && help.status == 0 && help.errors == "")
            // An example is a complete command line.
            let example = "  " + (["pixnerd"] + command).joined(separator: " ")
            let lines = help.output.split(separator: "\n")
            #expect(lines.contains { "\($0) ".hasPrefix(example + " ") && !$0.contains("<") }, "\(help.output)")
            #expect(lines.contains { $0.hasPrefix("USAGE: pixnerd") })
        }
    }

    @Test func theVersionIsTold() throws {
        try Workplace.with { place in
            let version = try place.succeed("--version").output
            #expect(version.wholeMatch(of: /[0-9]+\.[0-9]+\.[0-9]+\n/) != nil)
        }
    }

    @Test(arguments: [
        ["paint"], ["train", "--resume"], ["sample", "run"], ["verify", "one"], ["dataset", "shapes"],
    ])
    func wrongArgumentsGiveTheUsage(arguments: [String]) throws {
        try Workplace.with { place in
            let outcome = try place.run(arguments)
            #expect(outcome.isExit && outcome.status == 64 && outcome.output == "")
            #expect(outcome.errors.hasPrefix("Error: ") && outcome.errors.contains("\nUsage: pixnerd "))
        }
    }

    @Test func theKeysOfConfigurationsAreListed() throws {
        try Workplace.with { place in
            let table = try place.succeed("train", "--list-keys").output
            for key in ["name", "model.hidden_size", "training.learning_rate", "sampling.per_class"] {
                #expect(table.split(separator: "\n").contains { $0.hasPrefix("\(key) ") })
            }
        }
    }

    /// Examples can be copied verbatim, and paragraphs are wrapped only once.
    @Test(arguments: [
        "", "train", "sample", "verify", "convert", "info", "bench", "evaluate", "compare", "dataset", "dataset shapes",
        "dataset inspect", "dataset judge-shapes", "encode", "encode features", "encode latents", "encode control",
        "encode text",
        "vae",
        "vae check", "vae compare", "vae encode", "vae decode", "tokenize", "text-encoder", "text-encoder init",
        "detect-empty-prompt", "average",
        "tune", "distill", "studio",
    ])
    func helpIsWrappedAsItIsMeant(command: String) throws {
        try Workplace.with { place in
            let help = try place.run(command.split(separator: " ").map(String.init) + ["--help"]).output
            let lines = help.split(separator: "\n", omittingEmptySubsequences: false).prefix { !$0.hasPrefix("USAGE") }
            for (line, next) in zip(lines, lines.dropFirst()) {
                #expect(line.count <= 80, "\(line)")
                let isExample = line.hasPrefix("  pixnerd") || line.hasPrefix("  mpirun")
                if isExample {
                    let goesOn = next.hasPrefix("    ")
                    #expect(goesOn == line.hasSuffix("\\"), "\(line)\n\(next)")
                    #expect(next.isEmpty || next.hasPrefix("  "), "\(line)\n\(next)")
                } else if let word = next.split(separator: " ").first, !line.isEmpty, !next.hasPrefix(" ") {
                    #expect(line.count + word.count >= 78, "\(line)\n\(next)")
                }
            }
        }
    }

    /// Options of other programs that are configuration keys here.
    @Test(arguments: [
        (["train", "a.yaml", "--steps", "100"], "--set training.steps=VALUE"),
        (["train", "a.yaml", "--lr=1e-4"], "--set training.learning_rate=VALUE"),
        (["train", "a.yaml", "--batch-size", "8"], "--set training.batch_size=VALUE"),
        (["compare", "a.yaml", "--epochs", "3"], "--set training.steps=VALUE"),
    ])
    func usualNamesOfOptionsLeadToKeys(arguments: [String], advice: String) throws {
        try Workplace.with { place in
            let outcome = try place.run(arguments)
            #expect(outcome.status == 64 && outcome.errors.contains(advice), "\(outcome.errors)")
        }
    }
}
