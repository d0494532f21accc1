import Foundation
import PixNerdCheckpoints
import PixNerdDiffusion
import PixNerdImages
import PixNerdModels
import PixNerdSampling
import PixNerdSpaces
import PixNerdSupport
import PixNerdTensors
import PixNerdTestSupport
import Testing

/// Outputs of sampled images: what is kept, what is refused, and what the files hold.
@Suite struct SampleOutputTests {
    private static let requests = RequestList.perClass(5, prompts: [0, 1].map(Prompt.label), firstSeed: 20)

    private func plan(
        _ path: String, _ requests: [PictureRequest] = requests, overwrites: Bool = false,
        format: PixelFormat = .rgb8, change: (inout SamplingProvenance) -> Void = { _ in }
    ) -> SamplePlan {
        // The sizes are sound, and the file is this one.
        var provenance = try! SamplingProvenance(
            file: #filePath, weights: .ema, size: PictureSize(height: 2, width: 3, multiple: 4), route: .grid,
            settings: SamplingSettings(
                steps: 9, guidance: Guidance(scales: [0.1, 3], times: [0, 0.3, 1]), shift: 1.5),
            noise: .torch, autoencoder: nil, tile: nil, precision: .fp32, batch: 4)
        provenance.checkpointHash = "0123"
        change(&provenance)
        return SamplePlan(
            path: path, requests: requests, conditioner: try! ClassConditioner(classes: 2, names: ["a/b", "c"]),
            manifest: SampleManifest(program: "pixnerd 0", checkpoint: "somewhere", provenance: provenance),
            overwrites: overwrites, format: format)
    }

    @Test(arguments: [PixelFormat(.grey, .uint16), PixelFormat(.plain(5), .float32, range: -2...2), PixelFormat(.rgba)])
    func everyFormatIsWrittenWhole(format: PixelFormat) throws {
        let requests = (0..<6).map { PictureRequest(label: $0 % 2, seed: UInt64($0)) }
        let count = format.channelCount
        let pixels = Tensor((0..<6 * count * 6).map { Float($0 % 97) / 50 - 0.9 }, shape: [6, count, 2, 3])
        let expected = storedPictures(pixels, format)
        try withTemporaryDirectory { directory in
            for name in ["a.npz", "a/", "a.safetensors", "a.png"] {
                let plan = plan("\(directory)/\(name)", requests, format: format)
                var output = try plan.open(rowOrderSeed: 3)
                for first in [0, 4] {
                    try output.write(pixels.rows(first..<min(first + 4, 6)), first: first)
                }
                try output.finish()
            }
            let array = try NpzFile(path: "\(directory)/a.npz")
            #expect(array.shape(of: "arr_0") == [6, 2, 3, count])
            let labels = try array.tensor("arr_1").values
            let rows = try array.tensor("arr_0")
            // The images are there, each with its label, in another order.
            for row in 0..<6 {
                let values = rows.rows(row..<row + 1).values
                let found = expected.firstIndex { image in
                    image.bytes.withUnsafeBytes { bytes in
                        values.indices.allSatisfy { index in
                            switch format.element {
                            case .uint8: Float(bytes[index]) == values[index]
                            case .uint16: Float(bytes.load(fromByteOffset: 2 * index, as: UInt16.self)) == values[index]
                            case .float32: bytes.load(fromByteOffset: 4 * index, as: Float.self) == values[index]
                            }
                        }
                    }
                }
                #expect(found.map { Float($0 % 2) } == labels[row])
            }
            let ending = format.element == .float32 ? "tif" : "png"
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/a").filter {
                $0.hasSuffix(ending)
            }
            #expect(files.count == 6)
            let read = try files.map { try ImageFile.readStored("\(directory)/a/\($0)").bytes }
            #expect(Set(read) == Set(expected.map(\.bytes)))
            let floats = try SafetensorsFile(path: "\(directory)/a.safetensors").tensor("samples")
            #expect(floats.values == pixels.values)
            let sheet = try ImageFile.read("\(directory)/a.png")
            #expect(Set(sheet.pixels).count > 10)
        }
    }

    /// Pixels determined by the seeds of the requests.
    private func pixels(_ requests: ArraySlice<PictureRequest>) -> Tensor {
        Tensor(
            requests.flatMap { request in
                (0..<18).map { Float(request.seed) / 50 - 1 + Float($0) / 36 }
            }, shape: [requests.count, 3, 2, 3])
    }

    /// Writes what does not exist yet, and stops after some batches.
    @discardableResult
    private func fill(_ output: inout any SampleOutput, _ requests: [PictureRequest] = requests, batches: Int = 99)
        throws -> Int
    {
        var made = 0
        for start in stride(from: 0, to: requests.count, by: 4) {
            let batch = start..<min(start + 4, requests.count)
            guard !output.holds(batch), made < batches else { continue }
            try output.write(pixels(requests[batch]), first: start)
            made += 1
        }
        return made
    }

    private func contents(_ directory: String) throws -> [String: Data] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: directory)
        return Dictionary(
            uniqueKeysWithValues: names.compactMap { name in
                FileManager.default.contents(atPath: "\(directory)/\(name)").map { (name, $0) }
            })
    }

    @Test(arguments: ["pictures", "pictures.npz", "pictures.safetensors", "pictures.png"])
    func whatWasStoppedGoesOnAndEndsAlike(name: String) throws {
        try withTemporaryDirectory { directory in
            var whole = try plan("\(directory)/whole/\(name)").open()
            #expect(whole.kept == 0)
            #expect(try fill(&whole) == 3)
            try whole.finish()

            var first = try plan("\(directory)/again/\(name)").open()
            try fill(&first, batches: 2)
            var second = try plan("\(directory)/again/\(name)").open()
            #expect(second.kept == 8)
            #expect(second.holds(0..<4) && second.holds(4..<8) && !second.holds(8..<10))
            #expect(try fill(&second) == 1)
            try second.finish()
            #expect(try contents("\(directory)/whole") == contents("\(directory)/again"))
        }
    }

    @Test func aFolderHasAFileForEachAndAManifest() throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/p").open()
            try fill(&output)
            try output.finish()
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/p").sorted()
            #expect(
                names == (20...24).map { "a_b-seed\($0).png" } + (25...29).map { "c-seed\($0).png" } + ["manifest.json"]
            )
            let manifest = try #require(
                JSONSerialization.jsonObject(
                    with: Data(contentsOf: URL(fileURLWithPath: "\(directory)/p/manifest.json")))
                    as? [String: Any])
            let knobs = try #require(manifest["knobs"] as? [String: Any])
            #expect(knobs["steps"] as? Int == 9 && knobs["checkpoint_hash"] as? String == "0123")
            #expect(knobs["guidance"] as? [Double] == [0.1, 3])
            let pictures = try #require(manifest["pictures"] as? [[String: Any]])
            #expect(pictures.count == 10)
            #expect(pictures[5]["class_name"] as? String == "c" && pictures[5]["file"] as? String == "c-seed25.png")
            let picture = try ImageFile.read("\(directory)/p/c-seed25.png")
            #expect(picture == roundedPictures(pixels(Self.requests[5...5]))[0])
        }
    }

    @Test func onlyWhatIsMissingInAFolderIsWritten() throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/p").open()
            try fill(&output)
            // One picture is lost and another one was touched by its owner.
            try FileManager.default.removeItem(atPath: "\(directory)/p/c-seed26.png")
            try Data("mine".utf8).write(to: URL(fileURLWithPath: "\(directory)/p/c-seed27.png"))
            try Data("half".utf8).write(to: URL(fileURLWithPath: "\(directory)/p/c-seed26.png.AbCdEf.partial"))
            var again = try plan("\(directory)/p").open()
            #expect(again.kept == 9)
            #expect(try fill(&again) == 1)
            #expect(FileManager.default.contents(atPath: "\(directory)/p/c-seed27.png") == Data("mine".utf8))
            #expect(try FileManager.default.contentsOfDirectory(atPath: "\(directory)/p").count == 11)
        }
    }

    @Test func moreRequestsAddToAFolder() throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/p", Array(Self.requests.prefix(4))).open()
            try fill(&output, Array(Self.requests.prefix(4)))
            let others = [PictureRequest(label: 1, seed: 99)] + Self.requests.prefix(2)
            let more = try plan("\(directory)/p", others).open()
            #expect(more.kept == 2)
            let manifest = try String(contentsOfFile: "\(directory)/p/manifest.json", encoding: .utf8)
            for file in (20...23).map({ "a_b-seed\($0).png" }) + ["c-seed99.png"] {
                #expect(manifest.components(separatedBy: file).count == 2, "\(file) is listed once")
            }
        }
    }

    @Test(arguments: ["pictures", "pictures.npz", "pictures.safetensors", "pictures.png"])
    func otherKnobsAreRefusedByName(name: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/\(name)"
            var output = try plan(path).open()
            try fill(&output, batches: 1)
            let changes: [(String, (inout SamplingProvenance) -> Void)] = [
                ("steps is 9 and not 10", { $0.steps = 10 }), ("order is not set and not 2", { $0.order = 2 }),
                ("checkpoint_hash is 0123 and not 0124", { $0.checkpointHash = "0124" }),
                ("guidance is", { $0.guidance[0] = 0.2 }), ("batch is 4 and not 5", { $0.batch = 5 }),
            ]
            for (needed, change) in changes {
                let error = #expect(throws: PixNerdError.self) { _ = try plan(path, change: change).open() }
                expectSentence(error?.description ?? "", naming: [name, needed, "overwrites"])
            }
            let anew = try plan(path, overwrites: true, change: { $0.steps = 10 }).open()
            #expect(anew.kept == 0)
        }
    }

    @Test func anArrayOfOtherPicturesIsRefused() throws {
        try withTemporaryDirectory { directory in
            var output = try plan("\(directory)/a.npz").open()
            try fill(&output, batches: 1)
            let others = RequestList.perClass(5, prompts: [1, 0].map(Prompt.label), firstSeed: 20)
            let error = #expect(throws: PixNerdError.self) { _ = try plan("\(directory)/a.npz", others).open() }
            expectSentence(error?.description ?? "", naming: ["a.npz.parts", "other images"])
        }
    }

    @Test func aManifestThatIsNoneIsNotWrittenOver() throws {
        try withTemporaryDirectory { directory in
            try FileManager.default.createDirectory(atPath: "\(directory)/p", withIntermediateDirectories: true)
            try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(directory)/p/manifest.json"))
            let error = #expect(throws: PixNerdError.self) { _ = try plan("\(directory)/p").open() }
            expectSentence(error?.description ?? "", naming: ["p/manifest.json", "not a manifest"])
            #expect(FileManager.default.contents(atPath: "\(directory)/p/manifest.json") == Data("{}".utf8))
        }
    }

    @Test func anNpzHasShuffledLevelsAndTheirLabels() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.npz"
            var output = try plan(path).open(rowOrderSeed: 3)
            try fill(&output)
            try output.finish()
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == ["a.npz", "a.npz.json"])
            let file = try NpzFile(path: path)
            #expect(file.names == ["arr_0", "arr_1"])
            let levels = try file.elements(of: "arr_0")
            let labels = try file.integers("arr_1")
            #expect(levels.shape == [10, 2, 3, 3] && levels.type == .uint8)
            let manifest = try #require(
                JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: "\(path).json")))
                    as? [String: Any])
            #expect(manifest["row_order_seed"] as? Int == 3)
            let pictures = try #require(manifest["pictures"] as? [[String: Any]])
            #expect(pictures.map { $0["label"] as? Int } == labels)
            let seeds = pictures.map { $0["seed"] as! Int }
            #expect(seeds.sorted() == Array(20...29) && seeds != Array(20...29))
            #expect(Set(labels.prefix(5)).count == 2, "a split mixes classes")
            let expected = seeds.flatMap { seed in
                roundedPictures(pixels([PictureRequest(label: 0, seed: UInt64(seed))]))[0].pixels
            }
            #expect(levels.withUnsafeBytes { Array($0) } == expected)
        }
    }

    @Test func aSafetensorsFileHasFloatsBeforeRounding() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/a.safetensors"
            var output = try plan(path).open()
            try fill(&output)
            try output.finish()
            let file = try SafetensorsFile(path: path)
            #expect(try file.tensor("samples").values == pixels(Self.requests[...]).values)
            #expect(try file.tensor("samples").shape == [10, 3, 2, 3])
            #expect(try file.integers("labels") == Self.requests.compactMap(\.prompt.label))
            #expect(try file.integers("seeds") == Array(20...29))
            #expect(file.metadata["manifest"]?.contains("\"checkpoint\" : \"somewhere\"") == true)
        }
    }
}
