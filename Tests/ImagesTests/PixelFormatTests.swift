import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Pixels of other channels and depths than 8-bit colours, from files to batches.
@Suite struct PixelFormatTests {
    private func batch(
        _ names: [String], side: Int, _ format: PixelFormat, problems: ((String) -> Void)? = nil
    ) throws -> LoadedBatch? {
        let folder = try TemporaryFolder()
        for name in names { try folder.write(StoredFixture.bytes(name), to: "a/\(name)") }
        let collection = try ImageCollection.open(root: folder.path)
        let reader = CropReader(collection, imageSize: ImageSize(side), decoding: PictureDecoding(format: format))
        return reader.read(collection.samples.indices) { problem in
            if let problems { problems(problem) } else { Issue.record("\(problem)") }
        }
    }

    struct Resized: Decodable {
        let name: String
        let side: Int
        let values: String
    }

    @Test(arguments: try StoredFixture.json("resized.json") as [Resized])
    func floatsAreResizedAsPillowResizesThem(resized: Resized) throws {
        let range: ClosedRange<Float> = -20...30
        let loaded = try #require(
            try batch([resized.name], side: resized.side, PixelFormat(.grey, .float32, range: range)))
        let expected = try StoredFixture.bytes(resized.values).withUnsafeBytes {
            $0.bindMemory(to: Float.self).map { ($0 - range.lowerBound) / 25 - 1 }
        }
        #expect(loaded.values.count == expected.count)
        // Weights are rounded to 22 bits, and values lie below 1.
        #expect(zip(loaded.values, expected).allSatisfy { abs($0 - $1) < 2e-6 })
    }

    @Test func sixteenBitsAreKept() throws {
        let loaded = try #require(try batch(["grey16-big-endian.tif"], side: 11, PixelFormat(.grey, .uint16)))
        let stored = try ImageFile.readStored(StoredFixture.path("grey16-big-endian.tif"))
        let words = stored.bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
        // The middle 11 of 13 columns.
        let middle = (0..<11).flatMap { row in (1..<12).map { words[row * 13 + $0] } }
        #expect(loaded.values == middle.map { 2 * (Float($0) * (1 / 65_535)) - 1 })
        // And come back to the same levels.
        let written = loaded.pixels.format.raster(width: 11, height: 11) { loaded.values[$1] }
        #expect(written.bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) } == middle)
    }

    @Test func aRangeMapsItsEnds() throws {
        let format = PixelFormat(.grey, .uint16, range: 100...4_095)
        let levels: [Float] = [-1, 0, 1, 3, .nan]
        let image = format.raster(width: 5, height: 1) { levels[$1] }
        let words = image.bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt16.self)) }
        #expect(words == [100, 2_098, 4_095, 4_095, 100])
    }

    @Test func channelsBecomeOneAnother() throws {
        let stored = try ImageFile.readStored(StoredFixture.path("3x8.png"))
        func middle(_ channels: Int) -> [Float] {
            (0..<11).flatMap { row in
                (1..<12).flatMap { column in (0..<channels).map { Float(stored.bytes[(row * 13 + column) * 3 + $0]) } }
            }
        }
        let rgb = middle(3)
        let grey = try #require(try batch(["3x8.png"], side: 11, PixelFormat(.grey)))
        for pixel in 0..<121 {
            let brightness = 0.299 * rgb[3 * pixel] + 0.587 * rgb[3 * pixel + 1] + 0.114 * rgb[3 * pixel + 2]
            #expect(abs(grey.values[pixel] - (brightness / 127.5 - 1)) < 1e-6)
        }
        let rgba = try #require(try batch(["3x8.png"], side: 11, PixelFormat(.rgba)))
        #expect((0..<121).allSatisfy { rgba.values[4 * $0 + 3] == 1 })
        #expect((0..<121).allSatisfy { abs(rgba.values[4 * $0] - (rgb[3 * $0] / 127.5 - 1)) < 1e-6 })
    }

    @Test func opacityWeighsColors() throws {
        // A picture whose left half is opaque red and whose right half is transparent green.
        let bytes = (0..<64).flatMap { $0 % 8 < 4 ? [255, 0, 0, 255] : [0, 255, 0, 0] as [UInt8] }
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/a", withIntermediateDirectories: true)
        try ImageFile.write(
            Raster(width: 8, height: 8, channels: 4, element: .uint8, hasAlpha: true, bytes: bytes), as: .png,
            to: "\(folder.path)/a/x.png")
        let reader = CropReader(
            try ImageCollection.open(root: folder.path), imageSize: 6,
            decoding: PictureDecoding(format: PixelFormat(.rgba)))
        let values = try #require(reader.read([0]) { Issue.record("\($0)") }).values
        for pixel in 0..<36 {
            // What is half visible is red, as no visible pixel is green.
            if values[4 * pixel + 3] > -0.9 { #expect(abs(values[4 * pixel] - 1) < 1e-4) }
            #expect(values[4 * pixel + 1] < -0.999)
        }
    }

    @Test func whatDoesNotFitIsNamed() throws {
        var problems: [String] = []
        #expect(try batch(["seven16.tif"], side: 8, PixelFormat(.rgb, .uint16)) { problems.append($0) } == nil)
        #expect(problems.count == 1 && problems[0].contains("has 7 channels") && problems[0].contains("data.channels"))
        problems = []
        #expect(try batch(["nine.npy"], side: 8, .rgb8) { problems.append($0) } == nil)
        #expect(problems.count == 1 && problems[0].contains("has 9 channels of uint16"))
        let folder = try TemporaryFolder()
        let nan = (0..<16).flatMap { withUnsafeBytes(of: $0 == 7 ? Float.nan : 0, Array.init) }
        try FileManager.default.createDirectory(atPath: "\(folder.path)/a", withIntermediateDirectories: true)
        try ImageFile.write(
            Raster(width: 4, height: 4, channels: 1, element: .float32, bytes: nan), as: .npy,
            to: "\(folder.path)/a/x.npy")
        let reader = CropReader(
            try ImageCollection.open(root: folder.path), imageSize: 4,
            decoding: PictureDecoding(format: PixelFormat(.grey, .float32, range: 0...1)))
        problems = []
        #expect(reader.read([0]) { problems.append($0) } == nil)
        #expect(problems.count == 1 && problems[0].contains("not finite"))
    }

    @Test(arguments: [
        (["1x8.png", "grey8.tif"], PixelFormat(.grey)), (["1x16.png"], PixelFormat(.grey, .uint16)),
        (["1x16.png", "1x8.png"], PixelFormat(.grey)), (["3x8.png", "1x8.png"], .rgb8),
        (["4x8.png", "alpha.webp"], .rgb8), (["rgb16-tiles.tif"], PixelFormat(.rgb, .uint16)),
        (["seven16.tif"], PixelFormat(.plain(7), .uint16)), (["seven8-planes.tif", "3x8.png"], .rgb8),
        (["float.npy"], PixelFormat(.plain(2), .float32)),
    ])
    func theUsualFormatIsFound(names: [String], format: PixelFormat) throws {
        let folder = try TemporaryFolder()
        for name in names { try folder.write(StoredFixture.bytes(name), to: "a/\(name)") }
        #expect(try ImageCollection.open(root: folder.path).usualFormat == format)
    }

    @Test func levelsInUseAreFound() throws {
        let folder = try TemporaryFolder()
        try FileManager.default.createDirectory(atPath: "\(folder.path)/a", withIntermediateDirectories: true)
        // Twelve bits in sixteen.
        for number in 0..<3 {
            let image = PixelFormat(.grey, .uint16, range: 0...4_095).raster(width: 8, height: 8) { _, place in
                Float(place) / 32 - 1 + Float(number) / 64
            }
            try ImageFile.write(image, as: .png, to: "\(folder.path)/a/\(number).png")
        }
        let levels = try #require(try ImageCollection.open(root: folder.path).usedLevels)
        #expect(levels.lowest == 0 && levels.highest == 4_095)
        #expect(levels.range(of: .uint16) == 0...4_095 && levels.range(of: .uint8) == nil)
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path))
        #expect(report.usedLevels == levels)
    }

    @Test(arguments: [
        PixelFormat.rgb8, PixelFormat(.grey, .uint16), PixelFormat(.plain(12), .float32, range: -1.5...2),
    ])
    func formatsAreWrittenAndRead(format: PixelFormat) throws {
        let json = try JSONEncoder().encode(format)
        #expect(try JSONDecoder().decode(PixelFormat.self, from: json) == format)
    }

    @Test(arguments: [
        #"{"channels":"cmyk","element":"uint8"}"#, #"{"channels":"0","element":"uint8"}"#,
        #"{"channels":"rgb","element":"uint8","range":[1]}"#, #"{"channels":"rgb","element":"uint8","range":[2,1]}"#,
        #"{"channels":"rgb","element":"int8"}"#,
    ])
    func damagedFormatsAreRefused(json: String) {
        #expect(throws: (any Error).self) { try JSONDecoder().decode(PixelFormat.self, from: Data(json.utf8)) }
    }

    @Test func loadersGiveValuesWhateverTheirThreads() throws {
        let folder = try TemporaryFolder()
        for name in ["1x16.png", "grey16-big-endian.tif"] {
            try folder.write(StoredFixture.bytes(name), to: "a/\(name)")
        }
        let collection = try ImageCollection.open(root: folder.path)
        let batches = try [1, 3].map { workers in
            let loader = BatchLoader(
                collection: collection, imageSize: 7, batchSize: 3, seed: 4, workers: workers,
                transform: ImageTransform(crop: .random, flip: true),
                decoding: PictureDecoding(format: PixelFormat(.grey, .uint16)), logger: LogKeeper().logger)
            defer { loader.stop() }
            return try (0..<4).map { _ in try loader.next() }
        }
        #expect(batches[0] == batches[1])
        #expect(batches[0][0].values.count == 3 * 49 && Set(batches[0][0].values).count > 50)
    }
}
