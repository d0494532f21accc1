import Foundation
import PixNerdImages
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// A library with OpenBLAS's interface, compiled for these tests; see its source for what it can be made to do.
private enum StandIn {
    static let path = compiled("stand-in", [])
    /// Does not say what it is.
    static let plain = compiled("plain", ["-DPLAIN"])
    /// Was built for one thread.
    static let oneThread = compiled("one-thread", ["-DONE_THREAD"])

    private static func compiled(_ name: String, _ options: [String]) -> String? {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pixnerd-\(name)-\(getpid())")
        try? FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let library = directory.appendingPathComponent("lib\(name).so").path
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["clang", "-O2", "-shared", "-fPIC"] + options + [Fixtures.path("blas/stand_in.c"), "-lm", "-o", library]
        try? process.run()
        process.waitUntilExit()
        return process.terminationStatus == 0 ? library : nil
    }
}

/// OpenBLAS's name of the kernels for this processor, and those below; nil where OpenBLAS's own choice is kept.
private let ladder: [String]? = {
    let all = ["Cooperlake", "SkylakeX", "Haswell", "Sandybridge", "Nehalem", "Prescott"]
    let instructions = Machine().instructionSet
    if instructions.contains("bf16") { return all }
    if instructions.contains("AVX-512") { return Array(all.dropFirst()) }
    return instructions.contains("AVX2") ? Array(all.dropFirst(2)) : nil
}()

extension Workplace {
    /// Runs a command with variables of its own; `OPENBLAS_CORETYPE` counts as unset where it is not among them.
    fileprivate func run(_ arguments: [String], with environment: [String: String]) throws -> Outcome {
        let cleared = ["OPENBLAS_CORETYPE": "", "PIXNERD_BLAS": ""].merging(environment) { $1 }
        return try finish("own", start("own", arguments, environment: cleared))
    }

    fileprivate func kernels(with environment: [String: String]) throws -> (line: String, all: Outcome) {
        let outcome = try run(["info"], with: environment)
        #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
        let line = outcome.output.split(separator: "\n").first { $0.hasPrefix("kernels ") }
        return (String(line ?? ""), outcome)
    }
}

@Suite(.enabled(if: ladder != nil, "kernels are chosen on x86-64 with AVX2"))
struct MatrixLibraryTests {
    /// The installed OpenBLAS runs kernels of the processor's own level; a library may know a level only under the name of
    /// another that takes as wide registers.
    @Test func kernelsAreThoseOfTheProcessor() throws {
        try Workplace.with { place in
            let (line, all) = try place.kernels(with: [:])
            let names =
                ladder![0] == "Cooperlake" ? ["Cooperlake", "SkylakeX", "SapphireRapids"] : [ladder![0], "Zen"]
            #expect(names.contains { line.lowercased().contains("  \($0), chosen for".lowercased()) }, "\(line)")
            #expect(all.output.contains("matmul           OpenBLAS "))
            #expect(!all.output.contains("a fraction of the speed"))
        }
    }

    /// An OpenBLAS that does not know the processor.
    @Test func detectionThatFailsIsMadeUpFor() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.path, "clang compiles the stand-in")
            let (line, all) = try place.kernels(with: ["PIXNERD_BLAS": path])
            #expect(line.contains(" \(ladder![0]), chosen for "), "\(line)")
            #expect(line.hasSuffix("; OpenBLAS by itself would run Prescott"), "\(line)")
            #expect(all.output.contains("OpenBLAS 9.8.7, \(path)\n"))
        }
    }

    @Test func wrongResultsLeadToLowerKernels() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.path)
            let (line, all) = try place.kernels(with: ["PIXNERD_BLAS": path, "STAND_IN_WRONG": ladder![0]])
            #expect(line.contains(" \(ladder![1]), chosen because \(ladder![0]) computed wrong results"), "\(line)")
            let warning = String(all.output.split(separator: "\n").last ?? "")
            expectSentence(warning, naming: ["OpenBLAS 9.8.7", ladder![0], "A^T", "its \(ladder![1]) kernels"])

            // What computes is right: a model trains on it.
            try place.prepareTraining()
            let trained = try place.run(
                ["train", "tiny.yaml"], with: ["PIXNERD_BLAS": path, "STAND_IN_WRONG": ladder![0]])
            #expect(trained.status == 0 && trained.errors.hasPrefix("warning: OpenBLAS 9.8.7 computes wrong results"))

            let none = ["PIXNERD_BLAS": path, "STAND_IN_WRONG": ladder!.joined(separator: ",")]
            let refused = try place.run(["train", "tiny.yaml", "--set", "name=other"], with: none)
            #expect(refused.isExit && refused.status == 1)
            expectSentence(
                String(refused.errors.split(separator: "\n").first ?? ""),
                naming: [path, "wrong results", "PIXNERD_BLAS"])
            #expect(!place.exists("runs/other"), "nothing is begun")
        }
    }

    @Test func namesThatAreNotKnownLeadToTheNext() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.path)
            let (line, _) = try place.kernels(with: ["PIXNERD_BLAS": path, "STAND_IN_UNKNOWN": ladder![0]])
            #expect(line.contains(" \(ladder![1]), chosen for "), "\(line)")
        }
    }

    @Test func whatTheUserSetIsKept() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.path)
            let (line, all) = try place.kernels(with: ["PIXNERD_BLAS": path, "OPENBLAS_CORETYPE": "Prescott"])
            #expect(
                line.contains(" Prescott, set by OPENBLAS_CORETYPE; this program would run \(ladder![0])"), "\(line)")
            expectSentence(
                String(all.output.split(separator: "\n").last ?? ""),
                naming: ["OPENBLAS_CORETYPE=Prescott", "unset it"])
        }
    }

    /// A library that does not say what it is computes, and is called unknown.
    @Test func librariesThatAreNotKnownAreSaidToBe() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.plain)
            try place.prepareTraining()
            let outcome = try place.run(["train", "tiny.yaml"], with: ["PIXNERD_BLAS": path])
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(
                outcome.errors.split(separator: "\n").count { $0.hasPrefix("warning: \(path) is none of the") } == 1)
        }
    }

    /// OpenBLAS that was built for one thread gives two the same working memory: they must not be in it at once.
    @Test func librariesForOneThreadAreTakenInTurns() throws {
        try Workplace.with { place in
            let path = try #require(StandIn.oneThread)
            try place.prepareTraining()
            let outcome = try place.run(
                ["train", "tiny.yaml", "--set", "threads=3", "--set", "training.steps=30"], with: ["PIXNERD_BLAS": path]
            )
            #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
            let said = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("warning: ") }
            #expect(said.count == 1)
            expectSentence(
                String((said.first ?? "").dropFirst("warning: ".count)), naming: [path, "built for one thread"])
        }
    }

    @Test func whatCannotBeLoadedIsOneSentence() throws {
        try Workplace.with { place in
            try place.train()
            try place.write("no library", to: "text.so")
            for (library, needed) in [
                ("/nowhere/libblas.so", "/nowhere/libblas.so"), (place.path("text.so"), "text.so"),
                ("libm.so.6", "cblas_sgemm"),
            ] {
                let commands = [
                    ["train", "tiny.yaml", "--set", "name=other"], ["sample", "runs/tiny", "--out", "a.png"],
                    ["evaluate", "shapes", "shapes"], ["bench", "--work", "small4-32", "--mode", "forward"],
                ]
                for command in commands {
                    let outcome = try place.run(command, with: ["PIXNERD_BLAS": library])
                    #expect(outcome.isExit && outcome.status != 0 && outcome.output == "", "\(command) \(outcome)")
                    let lines = outcome.errors.split(separator: "\n")
                    #expect(lines.count == 1, "\(outcome.errors)")
                    expectSentence(
                        String((lines.first ?? "").dropFirst("Error: ".count)), naming: [needed, "PIXNERD_BLAS"])
                }
                let info = try place.run(["info"], with: ["PIXNERD_BLAS": library])
                #expect(info.status == 0 && info.output.contains("no library found"))
            }
        }
    }

    /// Slow kernels are said once in each command that computes much.
    @Test func slowKernelsAreSaidOnce() throws {
        try Workplace.with { place in
            try place.train()
            try place.write(
                """
                name: compared
                directory: runs
                shared:
                  data: {root: shapes, image_size: 16}
                  model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
                  training: {steps: 1, batch_size: 2, save_every: 1, log_every: 1}
                pipelines:
                  one: {model: {head: linear}}
                  two: {}
                evaluation: {reference: shapes, pictures: 4, steps: 1, batch: 4}
                """, to: "compare.yaml")
            let commands = [
                ["train", "tiny.yaml", "--resume"], ["sample", "runs/tiny", "--out", "a.png", "--steps", "1"],
                ["evaluate", "shapes", "shapes"],
                ["bench", "--work", "small4-32", "--mode", "forward", "--repeats", "1", "--json"],
                ["compare", "compare.yaml"],
            ]
            for command in commands {
                let outcome = try place.run(command, with: ["OPENBLAS_CORETYPE": "Prescott"])
                #expect(outcome.status == 0, "\(command): \(outcome.errors)")
                let said = (outcome.output + outcome.errors).split(separator: "\n").filter {
                    $0.contains("OPENBLAS_CORETYPE=Prescott makes OpenBLAS run its Prescott kernels")
                }
                #expect(said.count == 1, "\(command): \(outcome.errors)")
            }
        }
    }
}
