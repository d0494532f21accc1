import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Several processes started by Open MPI give the results of one.
@Suite(.enabled(if: mpirun != nil, "Open MPI's mpirun is not installed"))
struct RanksTests {
    /// A configuration with twelve images per step, clipping, an EMA, a preview, and uneven shares for five processes.
    private func arguments(_ name: String, steps: Int = 50, _ settings: String...) -> [String] {
        let all = [
            "name=\(name)", "threads=1", "training.steps=\(steps)", "training.batch_size=12", "training.save_every=25",
            "training.gradient_clip=0.5", "training.preview_every=\(steps / 2)", "sampling.steps=2",
        ]
        return ["train", "tiny.yaml"] + (all + settings).flatMap { ["--set", $0] }
    }

    private static let shared = "training.shard_optimizer=true"

    @Test func anyNumberFollowsOneProcess() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(arguments("one"))
            let expected = try place.losses("one")
            #expect(expected.count == 50)
            for ranks in [2, 3, 4, 5] {
                try place.succeed(ranks: ranks, arguments("plain\(ranks)"))
                try place.succeed(ranks: ranks, arguments("shared\(ranks)", Self.shared))
                for name in ["plain\(ranks)", "shared\(ranks)"] {
                    let losses = try place.losses(name)
                    #expect(losses.count == 50)
                    // Only the rounding of sums differs.
                    let differences = zip(losses, expected).map { abs($0 - $1) / $1 }
                    #expect(differences.allSatisfy { $0 < 1e-4 }, "\(name): \(differences.max() ?? .nan)")
                }
                // Sharding changes at most the last bits of a checkpoint, at the ends of vectors.
                for file in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"] {
                    let (plain, shared) = try (
                        place.tensors("runs/plain\(ranks)/step-0000050/\(file)"),
                        place.tensors("runs/shared\(ranks)/step-0000050/\(file)")
                    )
                    #expect(plain.map(\.name) == shared.map(\.name))
                    for (one, other) in zip(plain, shared) { expectClose(other.tensor, one.tensor, .run, one.name) }
                }
            }
        }
    }

    /// Steps of different sizes have the same one on all processes.
    @Test func severalSizesFollowOneProcess() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            for number in 0..<8 {
                let pixels = (0..<30 * 10 * 3).map { UInt8(truncatingIfNeeded: $0 * (number + 2)) }
                let wide = RGBImage(width: 30, height: 10, pixels: pixels)
                try ImageFile.writePNG(wide, to: place.path("shapes/circle/wide\(number).png"))
            }
            let sizes = "data.buckets=[16, 8x24]"
            try place.succeed(arguments("one", steps: 20, sizes))
            try place.succeed(ranks: 2, arguments("two", steps: 20, sizes))
            let (one, two) = try (place.losses("one"), place.losses("two"))
            #expect(one.count == 20 && two.count == 20)
            #expect(zip(two, one).allSatisfy { abs($0 - $1) / $1 < 1e-4 }, "\(one) and \(two)")
        }
    }

    /// In bf16 weights updated by another process must be rounded again, which shows if a step has several passes.
    @Test(.whereBFloat16IsHad)
    func weightsOfOthersAreRoundedAnew() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let settings = [
                "precision=bf16", "training.accumulate=4", "training.learning_rate=1e-2", "model.hidden_size=64",
                "model.patch_size=4",
            ].flatMap { ["--set", $0] }
            try place.succeed(ranks: 2, arguments("plain", steps: 30) + settings)
            try place.succeed(ranks: 2, arguments("shared", steps: 30, Self.shared) + settings)
            let (plain, shared) = try (place.losses("plain"), place.losses("shared"))
            #expect(plain.count == 30 && shared.count == 30)
            // The last bits of sums differ, which may change the rounding to bf16.
            let differences = zip(shared, plain).map { abs($0 - $1) / $1 }
            #expect(differences.allSatisfy { $0 < 1e-3 }, "\(differences)")
        }
    }

    /// One rank warns about slow kernels, in each command that runs under mpirun.
    @Test(.enabled(if: Machine().instructionSet.contains("AVX"), "slow kernels are known on x86-64 with AVX2"))
    func slowKernelsAreSaidByOneRank() throws {
        try Workplace.with { place in
            try place.train()
            let commands = [
                arguments("slow", steps: 1), ["sample", "runs/tiny", "--out", "a.png", "--steps", "1"],
                ["evaluate", "shapes", "shapes"],
            ]
            for command in commands {
                // env passes the variable to each process that mpirun starts.
                let program = ["env", "OPENBLAS_CORETYPE=Prescott", try Workplace.program()]
                let outcome = try place.end(place.launch(["-n", "2"] + program + command))
                #expect(outcome.status == 0, "\(command): \(outcome.errors)")
                let said = outcome.errors.split(separator: "\n").filter {
                    $0.contains("OPENBLAS_CORETYPE=Prescott makes")
                }
                #expect(said.count == 1, "\(command): \(outcome.errors)")
            }
        }
    }

    @Test func theSameLayoutComputesTheSameBits() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            for name in ["first", "second"] { try place.succeed(ranks: 3, arguments(name, Self.shared)) }
            for file in ["denoiser.safetensors", "ema.safetensors", "optimizer.safetensors"] {
                let name = "step-0000050/\(file)"
                #expect(try place.bytes("runs/first/\(name)") == place.bytes("runs/second/\(name)"), "\(file)")
            }
        }
    }

    @Test func aRunGoesOnWithAnotherNumber() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed(arguments("whole", steps: 80, "training.accumulate=3"))
            try place.succeed(ranks: 3, arguments("parts", steps: 25, Self.shared))
            try place.succeed(ranks: 2, arguments("parts", steps: 50) + ["--resume"])
            try place.succeed(arguments("parts", steps: 75) + ["--resume"])
            try place.succeed(ranks: 4, arguments("parts", steps: 80, Self.shared) + ["--resume"])
            let (parts, whole) = (try place.losses("parts"), try place.losses("whole"))
            #expect(parts.count == 80 && whole.count == 80)
            #expect(zip(parts, whole).allSatisfy { abs($0 - $1) < 1e-4 * $1 })
        }
    }

    @Test func picturesAreThoseOfOneProcess() throws {
        try Workplace.with { place in
            try place.train()
            let options = ["sample", "runs/tiny", "--count", "200", "--steps", "3", "--threads", "1", "--batch", "9"]
            try place.succeed(options + ["--out", "one"])
            try place.succeed(ranks: 3, options + ["--out", "three"])
            let names = try place.names(in: "one")
            #expect(names.count == 201)
            #expect(try place.names(in: "three") == names)
            for name in names { #expect(try place.bytes("one/\(name)") == place.bytes("three/\(name)"), "\(name)") }
            // Existing images are kept, and more are added.
            let more = ["sample", "runs/tiny", "--count", "220"] + options.dropFirst(4)
            let outcome = try place.succeed(ranks: 2, more + ["--out", "three"])
            #expect(outcome.errors.contains("200 of 220 images already exist"))
            #expect(try place.pictureNames(in: "three").count == 220)
            try place.succeed(options + ["--out", "one.npz"])
            try place.succeed(ranks: 4, options + ["--out", "four.npz"])
            #expect(try place.bytes("one.npz") == place.bytes("four.npz"))
        }
    }

    @Test func measuresAreThoseOfOneProcess() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.succeed("dataset", "shapes", "--out", "others", "--per-class", "3", "--size", "16", "--seed", "1")
            try writeInception(to: place.path("inception.safetensors"))
            let options = ["evaluate", "shapes", "others", "--weights", "inception.safetensors", "--batch", "5"]
            let one = try place.succeed(options + ["--threads", "1", "--json"])
            let three = try place.succeed(ranks: 3, options + ["--threads", "1", "--json"])
            #expect(three.output == one.output)
        }
    }

    @Test func whatDoesNotFitIsRefused() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            try place.refuse(
                ranks: [arguments("a"), arguments("a", "training.beta2=0.5")],
                naming: ["rank 1 on", "another configuration", "training.beta2 is 0.5, there 0.999"])
            try place.refuse(
                ranks: [arguments("a"), ["train", "none.yaml"]], naming: ["rank 1 on", "none.yaml"])
            try place.refuse(
                ranks: [arguments("a", "training.batch_size=1"), arguments("a", "training.batch_size=1")],
                naming: ["training.batch_size is 1", "2 ranks"])
            try place.refuse(ranks: [["info"], ["info"]], naming: ["mpirun has started this command 2 times"])
            try place.refuse(
                ranks: [["train", "tiny.yaml", "--what"], ["train", "tiny.yaml", "--what"]], naming: ["--what"])
            #expect(!place.exists("runs"))
            // One process has another dataset, because paths are relative to its working directory.
            try place.makeFolder("elsewhere/shapes")
            let here = place.path("")
            try place.write(tinyConfiguration, to: "elsewhere/tiny.yaml")
            try place.refuse(
                ranks: [arguments("a"), arguments("a")], in: [here, here + "elsewhere"],
                naming: ["rank 1 on", "shapes holds neither folders nor"])
        }
    }

    @Test func anotherProgramIsRefused() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let other = place.path("pixnerd")
            try FileManager.default.copyItem(atPath: Workplace.program(), toPath: other)
            let handle = try #require(FileHandle(forWritingAtPath: other))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data([0]))
            try handle.close()
            try place.refuse(
                place.launch(
                    ["-n", "1", Workplace.program()] + arguments("a") + [":", "-n", "1", other] + arguments("a")),
                naming: ["rank 1 on", "another program than rank 0 has"])
        }
    }

    /// Starts a run in two processes that would not end by itself, and waits for its third checkpoint.
    private func startEndlessRun(_ name: String, in place: Workplace) throws -> Process {
        let run = arguments(
            name, steps: 10_000_000, "training.save_every=1", "training.keep_last=2", "training.preview_every=0")
        let process = try place.startRanks([run, run])
        try place.await(process, "runs/\(name)/step-0000003")
        return process
    }

    @Test(arguments: [SIGTERM, SIGUSR1])
    func aSignalToAnyProcessSavesTheRun(signal: Int32) throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let process = try startEndlessRun("stopped", in: place)
            // SIGUSR1 to the launcher, which forwards it; SIGTERM to one of the processes.
            let target = signal == SIGUSR1 ? process.processIdentifier : try #require(place.rank(1, of: process))
            kill(target, signal)
            let outcome = try place.end(process)
            #expect(outcome.isExit && outcome.status == 0, "\(outcome.errors)")
            #expect(outcome.output.contains("Stopped and saved at step"))
        }
    }

    @Test func aProcessThatDiesEndsTheRun() throws {
        try Workplace.with { place in
            try place.prepareTraining()
            let process = try startEndlessRun("dead", in: place)
            kill(try #require(place.rank(1, of: process)), SIGKILL)
            let outcome = try place.end(process)
            #expect(outcome.status != 0)
            #expect(outcome.errors.contains("process rank 1"), "\(outcome.errors)")
            let name = try #require(try place.names(in: "runs/dead").last { $0.hasPrefix("step-") })
            let last = try #require(Int(name.dropFirst(5)))
            try place.succeed(arguments("dead", steps: last + 2) + ["--resume"])
        }
    }
}

extension Workplace {
    /// Processes that start in different directories.
    fileprivate func refuse(ranks: [[String]], in directories: [String], naming needed: [String]) throws {
        let program = try Workplace.program()
        try write("#!/bin/sh\ncd \"$1\"; shift; exec \(program) \"$@\"\n", to: "there.sh")
        let parts = zip(ranks, directories).map { ["-n", "1", "sh", path("there.sh"), $1] + $0 }.joined(separator: [":"]
        )
        try refuse(launch(Array(parts)), naming: needed)
    }

    /// Waits until a condition holds or the process has ended.
    fileprivate func `await`(_ process: Process, _ name: String) throws {
        while process.isRunning && !exists(name) { usleep(2000) }
        try #require(process.isRunning, "it ended before \(name) was there")
    }

    /// Process id of a rank of a launcher.
    fileprivate func rank(_ rank: Int, of launcher: Process) -> pid_t? {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { pid_t($0) } ?? []
        return all.first { process in
            func text(_ name: String) -> String {
                FileManager.default.contents(atPath: "/proc/\(process)/\(name)").map {
                    String(decoding: $0, as: UTF8.self)
                }
                    ?? ""
            }
            return text("status").contains("PPid:\t\(launcher.processIdentifier)\n")
                && text("environ").contains("OMPI_COMM_WORLD_RANK=\(rank)\0")
        }
    }
}
