import Foundation
import PixNerdCheckpoints
import PixNerdImages
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Films as folders of frames, archives and animations.
@Suite struct ClipTests {
    /// Frames of a few colours, which a GIF keeps as they are.
    private static let clip = Clip(
        (0..<5).map { frame in
            RGBImage(
                width: 6, height: 4,
                pixels: (0..<24).flatMap { (at: Int) -> [UInt8] in
                    let color: [UInt8] = at % 6 == frame ? [200, 30, UInt8(10 * frame)] : [5, UInt8(at / 12 * 60), 90]
                    return color
                })
        }, milliseconds: 80)

    @Test(arguments: ["film.npz", "film.gif", "film.png", "film.apng", "film"])
    func comesBack(name: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/\(name)"
            try Self.clip.write(try #require(Clip.Format(writing: path)), to: path)
            let back = try Clip.read(path)
            #expect(back.frames == Self.clip.frames)
            let keepsTime = name != "film" && name != "film.npz"
            #expect(back.milliseconds == (keepsTime ? 80 : Clip.usualMilliseconds))
            #expect(try Clip.read(path, most: 3).frames == Array(Self.clip.frames.prefix(3)))
        }
    }

    @Test func namesChooseTheFormat() {
        #expect(Clip.Format(writing: "a/b.GIF") == .animation(.gif))
        #expect(Clip.Format(writing: "a.b/c") == .folder)
        #expect(Clip.Format(writing: "a.mp4") == nil)
    }

    @Test func filmsBesideOneAnother() {
        let both = Clip.beside([Self.clip, Self.clip])
        #expect(both.size == ImageSize(height: 4, width: 12) && both.frames.count == 5)
        #expect(both.frames[2].cropped(x: 6, y: 0, width: 6, height: 4) == Self.clip.frames[2])
    }

    @Test func findsFilmsInAFolder() throws {
        try withTemporaryDirectory { directory in
            for name in ["b", "a"] { try Self.clip.write(.folder, to: "\(directory)/films/\(name)") }
            try Self.clip.write(.animation(.gif), to: "\(directory)/films/c.gif")
            let names = try Clip.paths("\(directory)/films").map { ($0 as NSString).lastPathComponent }
            #expect(names == ["a", "b", "c.gif"])
            #expect(try Clip.paths("\(directory)/films/a") == ["\(directory)/films/a"])
            #expect(try Clip.paths("\(directory)/films", most: 2).count == 2)
        }
    }

    @Test func otherFilesAreRefusedInOneSentence() throws {
        try withTemporaryDirectory { directory in
            func refuse(_ name: String, _ parts: [String]) {
                let text = sentence { _ = try Clip.read("\(directory)/\(name)") }
                expectSentence(text, naming: parts)
            }
            refuse("absent", ["absent", "does not exist"])
            try ImageFile.writePNG(Self.clip.frames[0], to: "\(directory)/one.png")
            refuse("one.png", ["one.png", "single image of 6 x 4"])
            try Clip([Self.clip.frames[0]]).write(.folder, to: "\(directory)/single")
            refuse("single", ["single", "1 frame", "at least 2", "image autoencoder"])
            try Self.clip.write(.folder, to: "\(directory)/odd")
            try ImageFile.writePNG(
                RGBImage(width: 5, height: 4, fill: (1, 2, 3)), to: "\(directory)/odd/frame-00003.png")
            refuse("odd", ["frame-00003.png", "5 x 4", "6 x 4"])
            let writer = try NpzWriter(
                path: "\(directory)/floats.npz", arrays: [NpzWriter.Array("a", .float32, [2, 1, 1, 3])])
            try writer.append([Float](repeating: 0, count: 6))
            try writer.finish()
            refuse("floats.npz", ["floats.npz", "uint8 [T, H, W, 3]"])
        }
    }

    /// Animations that are cut short or changed are refused or read, and never trap.
    @Test(arguments: ["film.gif", "film.png"])
    func damagedAnimations(name: String) throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/\(name)"
            try Self.clip.write(try #require(Clip.Format(writing: path)), to: path)
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            for length in stride(from: 1, to: whole.count, by: 7) {
                try whole.prefix(length).write(to: URL(fileURLWithPath: path))
                _ = try? Clip.read(path)
            }
            for place in stride(from: 0, to: whole.count, by: 3) {
                var bytes = whole
                bytes[place] ^= 0xff
                try bytes.write(to: URL(fileURLWithPath: path))
                _ = try? Clip.read(path)
            }
        }
    }

    @Test func shapesMove() throws {
        let frames = Array(MovingShapes.pictures(index: 3, frames: 40, size: 24, seed: 1))
        #expect(frames.count == 40 && frames[0] != frames[20] && frames[0].width == 24)
        #expect(frames == Array(MovingShapes.pictures(index: 3, frames: 40, size: 24, seed: 1)))
        #expect(frames[0] != MovingShapes.pictures(index: 4, frames: 1, size: 24, seed: 1)[0])
        try withTemporaryDirectory { directory in
            try MovingShapes.write(to: "\(directory)/films", films: 2, frames: 3, size: 8, seed: 1)
            let films = try Clip.paths("\(directory)/films")
            #expect(films.count == 2)
            #expect(
                try Clip.read(films[1]).frames == Array(MovingShapes.pictures(index: 1, frames: 3, size: 8, seed: 1)))
        }
    }
}
