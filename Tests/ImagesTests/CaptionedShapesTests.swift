import Foundation
import PixNerdSupport
import PixNerdTensors
import Testing

@testable import PixNerdImages

/// The captioned shapes: words, pictures, what is held out, and the judge of pictures.
@Suite struct CaptionedShapesTests {
    @Test func captionsAreRead() {
        for index in 0..<2000 {
            let text = CaptionedShapes.sample(index: index, size: 1, seed: 3).caption
            #expect(ShapeCaption(text)?.text == text)
        }
        #expect(ShapeCaption("  An Orange  ring on DARK blue\n")?.text == "an orange ring on dark blue")
        for text in [
            "", "a red circle", "a red circle on", "a red circle on plaid", "red circle on white",
            "a red stripes on white",
            "a red circle at the top above a blue star on white", "a red circle above on white",
            "a red circle at the middle on white", "a circle red on white", "a red circle on white please",
        ] {
            #expect(ShapeCaption(text) == nil, "\(text)")
        }
    }

    @Test func whatIsHeldOutOccursInNoPicture() {
        var seen: Set<ShapeCaption.Combination> = []
        var kinds: [String: Int] = [:]
        for index in 0..<3000 {
            let caption = CaptionedShapes.scene(index: index, seed: 1, heldOut: CaptionedShapes.usualHeldOut).caption
            seen.formUnion(caption.things.map(\.combination))
            let kind =
                caption.second != nil
                ? "two" : "\(caption.first.size == nil ? "" : "size")\(caption.place == nil ? "" : "place")"
            kinds[kind, default: 0] += 1
        }
        #expect(seen == Set(CaptionedShapes.combinations).subtracting(CaptionedShapes.usualHeldOut))
        for (kind, share) in [("", 8), ("size", 5), ("place", 3), ("sizeplace", 1), ("two", 3)] {
            #expect(abs(kinds[kind, default: 0] - 150 * share) < 120, "\(kind): \(kinds)")
        }
        let prompts = CaptionedShapes.prompts(for: CaptionedShapes.usualHeldOut)
        #expect(prompts.count == 100 && Set(prompts).count == 100)
        #expect(prompts[0] == "a purple circle on black" && prompts[99].hasPrefix("a large "))
        for prompt in prompts {
            #expect(CaptionedShapes.usualHeldOut.contains(ShapeCaption(prompt)!.first.combination))
        }
    }

    @Test func theFolderIsReadBack() throws {
        let folder = try TemporaryFolder()
        let root = folder.path + "/shapes"
        try CaptionedShapes.write(to: root, count: 12, seed: 4)
        let collection = try ImageCollection.open(root: root + "/train", captions: CaptionOptions())
        #expect(collection.samples.count == 12 && collection.remarks == [])
        for (index, sample) in collection.samples.enumerated() {
            let (picture, caption) = CaptionedShapes.sample(index: index, size: 32, seed: 4)
            #expect(try ImageFile.read(sample.path) == picture)
            #expect(collection.captions?[index] == [caption])
        }
        let prompts = try String(contentsOfFile: root + "/held-out.txt", encoding: .utf8)
        #expect(
            prompts.split(separator: "\n").map(String.init)
                == CaptionedShapes.prompts(for: CaptionedShapes.usualHeldOut))
        let scores = try ShapeScores(collection)
        #expect(scores.count(\.hasBoth) == 12 && scores.count(\.hasBackground) == 12)
        let other = try ShapeScores(collection, captions: Array(repeating: "a red ring on black", count: 12))
        #expect(other.count(\.hasBoth) < 4)
        for captions in [["a red ring on black"], Array(repeating: "a cat", count: 12)] {
            #expect(throws: PixNerdError.self) { try ShapeScores(collection, captions: captions) }
        }
    }

    @Test func tooMuchHeldOut() throws {
        let folder = try TemporaryFolder()
        let reds = CaptionedShapes.combinations.filter { $0.color == "red" }
        let error = #expect(throws: PixNerdError.self) {
            try CaptionedShapes.write(to: folder.path + "/a", count: 1, seed: 1, heldOut: reds)
        }
        #expect(error?.description.contains("leaves nothing that is red") == true)
        #expect(throws: PixNerdError.self) { try CaptionedShapes.write(to: folder.path + "/a", count: 0, seed: 1) }
        #expect(throws: PixNerdError.self) {
            try CaptionedShapes.write(to: folder.path + "/a", count: 1, size: 8, seed: 1)
        }
        try CaptionedShapes.write(to: folder.path + "/a", count: 1, seed: 1, heldOut: [])
        #expect(isFolder(folder.path + "/a/held-out.txt") == nil)
        #expect(throws: PixNerdError.self) { try CaptionedShapes.write(to: folder.path + "/a", count: 1, seed: 1) }
    }

    /// Every colour is far from all that it may be confused with.
    @Test func coloursAreDistinct() {
        let (colors, backgrounds) = (ShapePalette.colors.map(\.color), ShapePalette.backgrounds.map(\.color))
        for (place, color) in colors.enumerated() {
            for other in colors[(place + 1)...] + backgrounds {
                #expect(color.squaredDistance(to: other).squareRoot() * 255 > 100)
            }
        }
    }

    /// Scenes with one shape or with two, in all colours, sizes and places, none held out.
    private func scenes(_ count: Int, shapes: Int = 1) -> [CaptionedScene] {
        var found: [CaptionedScene] = []
        var index = 0
        while found.count < count {
            let scene = CaptionedShapes.scene(index: index, seed: 77, heldOut: [])
            if scene.caption.things.count == shapes { found.append(scene) }
            index += 1
        }
        return found
    }

    private func share(_ scenes: [CaptionedScene], size: Int = 32, _ change: (RGBImage, Int) -> RGBImage) -> Double {
        let judge = ShapeJudge()
        let right = scenes.indices.count { place in
            let view = judge.view(change(scenes[place].rendered(size: size), place))
            let judgement = ShapeJudgement(view, scenes[place].caption)
            return judgement.hasBoth && judgement.hasBackground && judgement.hasPlace ?? true
        }
        return Double(right) / Double(scenes.count)
    }

    @Test func theJudgeIsRightAboutDrawnPictures() {
        #expect(share(scenes(1000)) { picture, _ in picture } >= 0.99)
        #expect(share(scenes(200), size: 64) { picture, _ in picture } >= 0.99)
        #expect(share(scenes(50), size: 100) { picture, _ in picture } >= 0.96)
    }

    @Test func theJudgeIsRightAboutBlurredAndNoisyPictures() {
        let share = share(scenes(1000)) { picture, place in
            var stream = RandomStream(seed: 5, purpose: .test, index: place)
            return noisy(blurred(picture), deviation: 10, &stream)
        }
        #expect(share >= 0.97)
    }

    @Test func theJudgeIsRightAboutTwoShapes() {
        #expect(share(scenes(300, shapes: 2)) { picture, _ in picture } >= 0.98)
    }

    @Test func theJudgeSeesWhatIsWrong() {
        let judge = ShapeJudge()
        let flat = judge.view(RGBImage(width: 32, height: 32, fill: (14, 14, 16)))
        #expect(flat == ShapeJudge.View(background: "black", shapes: []))
        #expect(judge.view(RGBImage(width: 1, height: 1, fill: (250, 250, 250))).shapes.isEmpty)
        var stream = RandomStream(seed: 5, purpose: .test)
        let noise = noisy(RGBImage(width: 32, height: 32, fill: (128, 128, 128)), deviation: 90, &stream)
        #expect(judge.view(noise).shapes.allSatisfy { $0.shape == nil })
        let wrong = ShapeJudgement(flat, ShapeCaption("a red star at the top on black")!)
        #expect(!wrong.hasCount && !wrong.hasColors && !wrong.hasShapes && !wrong.hasBoth)
        #expect(wrong.hasBackground && wrong.hasPlace == false)
        // Every other caption of the same grammar is told apart.
        let scene = scenes(1)[0]
        let view = judge.view(scene.rendered(size: 32))
        for combination in CaptionedShapes.combinations where combination != scene.caption.first.combination {
            var caption = scene.caption
            caption.first.combination = combination
            #expect(!ShapeJudgement(view, caption).hasBoth)
        }
    }

    /// Each pixel as the mean of itself and its neighbours, with weights 1, 2, 1 in both directions.
    private func blurred(_ picture: RGBImage) -> RGBImage {
        var result = picture
        let (width, height) = (picture.width, picture.height)
        for y in 0..<height {
            for x in 0..<width {
                for channel in 0..<3 {
                    var sum = 0
                    for dy in -1...1 {
                        for dx in -1...1 {
                            let (u, v) = (min(max(x + dx, 0), width - 1), min(max(y + dy, 0), height - 1))
                            sum += (2 - abs(dx)) * (2 - abs(dy)) * Int(picture.pixels[(v * width + u) * 3 + channel])
                        }
                    }
                    result.pixels[(y * width + x) * 3 + channel] = UInt8((sum + 8) / 16)
                }
            }
        }
        return result
    }

    private func noisy(_ picture: RGBImage, deviation: Float, _ stream: inout RandomStream) -> RGBImage {
        var result = picture
        for at in result.pixels.indices {
            let value = Float(result.pixels[at]) + deviation * stream.nextNormalPair().0
            result.pixels[at] = UInt8(min(max(value, 0), 255))
        }
        return result
    }
}
