import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// The less common options of `pixnerd sample`.
@Suite struct SampleTests {
    /// A checkpoint with five unnamed classes, patches of 4 x 4, and no training size.
    private static let tiny = Fixtures.path("pixnerd/tiny-checkpoint.safetensors")

    @discardableResult
    private func sample(_ place: Workplace, _ out: String, _ arguments: String...) throws -> Outcome {
        try place.succeed(["sample", Self.tiny, "--out", out, "--size", "8", "--steps", "3"] + arguments)
    }

    private func files(_ place: Workplace, _ folder: String) throws -> [String: Data] {
        let names = try place.names(in: folder)
        return Dictionary(uniqueKeysWithValues: try names.map { ($0, try place.bytes("\(folder)/\($0)")) })
    }

    @Test func sizesThatDoNotDivideAreCutFromTheMiddle() throws {
        try Workplace.with { place in
            let cut = try sample(place, "cut", "--size", "6x11", "--classes", "1", "--seeds", "4")
            #expect(cut.errors.contains("6 x 11 is not a multiple of 4: sampled at 8 x 12 and centre-cropped"))
            try sample(place, "whole", "--size", "8x12", "--classes", "1", "--seeds", "4")
            let whole = try ImageFile.read(place.path("whole/1-seed4.png"))
            let picture = try ImageFile.read(place.path("cut/1-seed4.png"))
            #expect(picture == whole.cropped(x: 0, y: 1, width: 11, height: 6))
        }
    }

    @Test(arguments: ["pictures", "p.npz", "p.safetensors"])
    func whatIsKilledGoesOn(out: String) throws {
        try Workplace.with { place in
            let arguments = ["--per-class", "10", "--batch", "4", "--sampler", "sde", "--steps", "40"]
            let all = ["sample", Self.tiny, "--size", "8"] + arguments
            let whole = try place.succeed(all + ["--out", "whole/\(out)"])
            #expect(whole.output == "50 images are in whole/\(out).\n")
            let parts = out == "pictures" ? "again/pictures" : "again/\(out).parts"
            let process = try place.start("killed", all + ["--out", "again/\(out)"])
            while process.isRunning, ((try? place.names(in: parts)) ?? []).count < 4 { usleep(500) }
            kill(process.processIdentifier, SIGKILL)
            #expect(try !place.finish("killed", process).isExit, "it was still at work")
            let again = try place.succeed(all + ["--out", "again/\(out)"])
            #expect(again.errors.contains("of 50 images already exist and are kept"))
            let name = out == "pictures" ? "again/pictures" : "again"
            #expect(try files(place, name) == files(place, out == "pictures" ? "whole/pictures" : "whole"))
        }
    }

    @Test func balancedAndRandomLabels() throws {
        try Workplace.with { place in
            try sample(place, "balanced", "--count", "7", "--first-seed", "100")
            #expect(
                try place.pictureNames(in: "balanced")
                    == ["0-seed100", "0-seed105", "1-seed101", "1-seed106", "2-seed102", "3-seed103", "4-seed104"]
                    .map { "\($0).png" })
            try sample(place, "random", "--count", "40", "--labels", "random", "--classes", "1,3")
            let labels = try place.pictureNames(in: "random").map { $0.prefix(1) }
            #expect(labels.count == 40 && Set(labels) == ["1", "3"])
        }
    }

    @Test func noiseFromAFileIsUsed() throws {
        try Workplace.with { place in
            let noise = [UInt64(11), 12].flatMap { seed -> [Float] in
                var generator = TorchRandom(seed: seed)
                return generator.normal(count: 3 * 8 * 8)
            }
            try SafetensorsWriter.write(
                [("noise", Tensor(noise, shape: [2, 3, 8, 8]))], to: place.path("n.safetensors"))
            try sample(place, "seeds.safetensors", "--classes", "2", "--seeds", "11,12")
            try sample(
                place, "file.safetensors", "--classes", "2", "--seeds", "0,1", "--initial-noise", "n.safetensors")
            func samples(_ name: String) throws -> [Float] {
                try SafetensorsFile(path: place.path(name)).tensor("samples").values
            }
            #expect(try samples("seeds.safetensors") == samples("file.safetensors"))
            try place.refuse(
                "sample", Self.tiny, "--out", "x", "--size", "8", "--initial-noise", "n.safetensors",
                naming: ["n.safetensors", "[2, 3, 8, 8]", "[20, 3, 8, 8]"])
        }
    }

    /// Settings of guidance and shift that differ change an image; equal ones do not.
    @Test func guidanceListsAndAutomaticShift() throws {
        try Workplace.with { place in
            try writeCopy(
                of: SafetensorsFile(path: Self.tiny), to: place.path("sized.safetensors"), metadata: ["image_size": "8"]
            )
            func floats(_ name: String, _ arguments: String...) throws -> [Float] {
                try place.succeed(
                    ["sample", "sized.safetensors", "--steps", "8", "--classes", "3", "--seeds", "1"] + arguments
                        + ["--out", "\(name).safetensors"])
                return try SafetensorsFile(path: place.path("\(name).safetensors")).tensor("samples").values
            }
            let one = try floats("one", "--guidance", "3", "--guidance-interval", "0.1,0.9")
            #expect(try floats("two", "--guidance", "3,3", "--guidance-interval", "0.1,0.5,0.9") == one)
            #expect(try floats("three", "--guidance", "3,5", "--guidance-interval", "0.1,0.5,0.9") != one)
            let auto = try floats("auto", "--shift", "auto", "--size", "16")
            #expect(try floats("by-hand", "--shift", "2", "--size", "16") == auto)
            #expect(try floats("none", "--size", "16") != auto)
        }
    }

    @Test func trajectoriesAndPreviews() throws {
        try Workplace.with { place in
            for name in ["way.png", "way.apng", "way.gif"] {
                try sample(place, "out-\(name).png", "--seeds", "1", "--steps", "12", "--trajectory", name)
            }
            let sheet = try ImageFile.read(place.path("way.png"))
            // Five rows of ten steps, each picture drawn at 64 pixels.
            #expect(sheet.height >= 5 * 64 && sheet.width >= 10 * 64 && sheet.width < 12 * 64)
            #expect(try place.bytes("way.gif").prefix(4) == Data("GIF8".utf8))
            #expect(try String(decoding: place.bytes("way.apng"), as: UTF8.self).contains("acTL"))
            try place.refuse(
                "sample", Self.tiny, "--out", "x", "--size", "8", "--trajectory", "way.png",
                naming: ["way.png", "--overwrite"])
            try sample(place, "last.png", "--seeds", "1", "--preview", "now.png", "--preview-every", "2")
            // After the last step what is predicted is what there is.
            #expect(try place.bytes("now.png") == place.bytes("last.png"))
        }
    }
}
