import Foundation
import PixNerdImages
import PixNerdSupport
import Testing

/// Images that are in a collection more than once.
@Suite struct DuplicateTests {
    private func write(_ image: RGBImage, _ folder: TemporaryFolder, _ name: String) throws {
        try folder.write(ImageFile.encodePNG(image), to: name)
    }

    /// The image with every level changed by at most two.
    private func nearly(_ image: RGBImage) -> RGBImage {
        let pixels = image.pixels.enumerated().map { place, level in
            place % 3 == 0 ? UInt8(max(0, Int(level) - 2)) : level
        }
        return RGBImage(width: image.width, height: image.height, pixels: pixels)
    }

    @Test func equalAndNearImagesAreFound() throws {
        let folder = try TemporaryFolder()
        let scenes = (0..<12).map { number in
            ShapesDataset.picture(label: number % 8, index: number, size: 32, seed: 3)
        }
        for (number, scene) in scenes.enumerated() {
            try write(scene, folder, "\(number % 2 == 0 ? "even" : "odd")/\(10 + number).png")
        }
        // Twice the same file, one of them in another class, and one that is nearly the same at another size.
        try write(scenes[3], folder, "even/copy.png")
        try write(scenes[3], folder, "odd/copy.png")
        try write(
            resized(nearly(scenes[4]), width: 48, height: 48, filter: .bicubic), folder, "even/larger.png")
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path)).duplicates
        #expect(report.exact == 2 && report.near == 1 && report.mixedGroups == 1)
        let names = report.examples.map { $0.names.map { String($0.dropFirst(folder.path.count + 1)) } }
        #expect(names == [["even/copy.png", "odd/13.png", "odd/copy.png"], ["even/14.png", "even/larger.png"]])
        #expect(report.examples.map(\.isExact) == [true, false])
    }

    @Test func differentImagesAreNot() throws {
        let folder = try TemporaryFolder()
        for number in 0..<40 {
            try write(
                ShapesDataset.picture(label: number % 8, index: number, size: 32, seed: 100), folder,
                "a/\(10 + number).png")
        }
        let report = DatasetReport(inspecting: try ImageCollection.open(root: folder.path)).duplicates
        #expect(report.exact == 0 && report.near == 0 && report.examples.isEmpty)
    }
}
