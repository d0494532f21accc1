import Foundation
import PixNerdCheckpoints
import PixNerdModels
import PixNerdPrecompute
import PixNerdTensors
import PixNerdTestSupport
import Synchronization
import Testing

/// Directories of encoded captions.
@Suite struct CaptionCacheTests {
    /// An encoder whose rows tell the text, and that counts what it was asked for.
    private final class Counted: TextEncoding {
        let identity: TextEncoderIdentity
        let asked = Mutex<[String]>([])
        /// Whether texts have only the rows of their own tokens, one for each byte and one for the end.
        let isRagged: Bool

        init(width: Int = 4, weights: String = "w", isRagged: Bool = false) {
            self.isRagged = isRagged
            identity = TextEncoderIdentity(path: "counted", weights: weights, tokenizer: "t", width: width)
        }

        func cutOff(_ text: String, length: Int) -> String? { nil }

        func row(_ text: String, length: Int) -> Tensor {
            let value = Float(text.utf8.reduce(0) { ($0 * 31 + Int($1)) % 251 })
            let count = isRagged ? min(length, text.utf8.count + 1) : length
            return Tensor([Float](repeating: value, count: count * identity.width), shape: [count, identity.width])
        }

        func rows(
            of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
        ) throws -> [Tensor] {
            asked.withLock { $0 += texts }
            return texts.map { row($0, length: length) }
        }
    }

    private func encode(
        _ encoder: Counted, _ captions: [String], length: Int = 3, emptyPrompt: EmptyPrompt = .seesNothing,
        to path: String, batch: Int = 2, stopAfter batches: Int = .max
    ) throws -> ShardProgress {
        var watcher = ShardWatcher()
        var left = batches
        watcher.shouldStop = {
            left -= 1
            return left < 0
        }
        return try CaptionEncoding(encoder, captions: captions, length: length, emptyPrompt: emptyPrompt, to: path)
            .run(batchSize: batch, watcher)
    }

    @Test func equalCaptionsAreEncodedOnce() throws {
        try withTemporaryDirectory { directory in
            let (encoder, path) = (Counted(), "\(directory)/text")
            // The two spellings of an accented letter are two captions: their tokens differ.
            let captions = ["b", "a", "b", "", "caf\u{E9}", "cafe\u{301}", "a"]
            let result = try encode(encoder, captions, to: path)
            #expect(result.isFinished && result.written == 5 && result.kept == 0)
            let asked = encoder.asked.withLock { $0.map { Array($0.utf8) } }
            #expect(asked.count == 5 && Set(asked) == Set(captions.map { Array($0.utf8) }) && asked[0] == [])
            let cache = try CaptionCache(path: path)
            #expect(cache.count == 5 && cache.length == 3 && cache.identity == encoder.identity)
            let rows = try cache.rows(of: captions, length: 3, emptyPrompt: .seesNothing) { false }
            for (rows, caption) in zip(rows, captions) {
                #expect(rows.shape == [3, 4] && rows.values == encoder.row(caption, length: 3).values)
            }
            #expect(cache.holds("cafe\u{301}") && !cache.holds("c"))
        }
    }

    @Test func captionsKeepTheirNumberOfRows() throws {
        try withTemporaryDirectory { directory in
            let (encoder, path) = (Counted(isRagged: true), "\(directory)/text")
            let captions = ["", "a", "ab", "abcdef"]
            #expect(try encode(encoder, captions, to: path).isFinished)
            let cache = try CaptionCache(path: path)
            let rows = try cache.rows(of: captions, length: 3, emptyPrompt: .seesNothing) { false }
            #expect(rows.map(\.shape) == [[1, 4], [2, 4], [3, 4], [3, 4]])
            for (rows, caption) in zip(rows, captions) {
                #expect(rows.values == encoder.row(caption, length: 3).values)
            }
            let padded = try cache.paddedRows(of: ["a"], length: 3, emptyPrompt: .seesNothing) { false }
            #expect(padded[0].shape == [3, 4] && padded[0].values[8...].allSatisfy { $0 == 0 })
        }
    }

    @Test func whatWasStoppedGoesOn() throws {
        try withTemporaryDirectory { directory in
            // A shard holds 4096 captions, which are eight batches.
            let captions = (10_000..<19_000).map { "caption \($0)" }
            func run(_ name: String, _ encoder: Counted, stopAfter: Int = .max) throws -> ShardProgress {
                try encode(encoder, captions, length: 1, to: "\(directory)/\(name)", batch: 512, stopAfter: stopAfter)
            }
            let stopped = try run("again", Counted(width: 1), stopAfter: 10)
            #expect(!stopped.isFinished && stopped.written == 4096)
            expectSentence(
                sentence { _ = try CaptionCache(path: "\(directory)/again") },
                naming: ["text-000001.safetensors is missing", "pixnerd encode text"])
            let second = Counted(width: 1)
            let finished = try run("again", second)
            #expect(finished.isFinished && finished.kept == 4096 && finished.written == 9001 - 4096)
            // The empty caption is the first of all.
            #expect(second.asked.withLock { $0 } == Array(captions[4095...]))
            _ = try run("whole", Counted(width: 1))
            let names = try FileManager.default.contentsOfDirectory(atPath: "\(directory)/whole")
            #expect(names.count { $0.hasSuffix(".safetensors") } == 3)
            for name in names {
                #expect(
                    FileManager.default.contents(atPath: "\(directory)/whole/\(name)")
                        == FileManager.default.contents(atPath: "\(directory)/again/\(name)"), "\(name)")
            }
        }
    }

    @Test func anotherDirectoryIsNotTakenUp() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/text"
            _ = try encode(Counted(), ["a", "b"], to: path)
            #expect(try encode(Counted(), ["b", "a"], to: path).kept == 3)
            for again in [
                { try encode(Counted(), ["a", "c"], to: path) },
                { try encode(Counted(), ["a", "b"], length: 4, to: path) },
                { try encode(Counted(), ["a", "b"], emptyPrompt: .seesPadding, to: path) },
                { try encode(Counted(weights: "x"), ["a", "b"], to: path) },
            ] {
                expectSentence(sentence { _ = try again() }, naming: [path, "holds text of another encoder"])
            }
            try "mine".write(toFile: "\(directory)/mine", atomically: true, encoding: .utf8)
            expectSentence(
                sentence { _ = try encode(Counted(), ["a"], to: directory) },
                naming: [directory, "something other than text"])
        }
    }

    @Test func rowsThatAreNotFiniteAreRefused() throws {
        try withTemporaryDirectory { directory in
            struct Broken: TextEncoding {
                let identity = TextEncoderIdentity(path: "broken", weights: "w", tokenizer: "t", width: 2)
                func cutOff(_ text: String, length: Int) -> String? { nil }
                func rows(
                    of texts: [String], length: Int, emptyPrompt: EmptyPrompt, isCancelled: () -> Bool
                ) throws -> [Tensor] {
                    texts.map {
                        Tensor([Float](repeating: $0 == "bad" ? .nan : 1, count: 2 * length), shape: [length, 2])
                    }
                }
            }
            expectSentence(
                sentence {
                    _ = try CaptionEncoding(
                        Broken(), captions: ["good", "bad"], length: 3, emptyPrompt: .seesNothing,
                        to: "\(directory)/text"
                    ).run(batchSize: 4)
                }, naming: ["broken", "not finite", "'bad'"])
        }
    }

    @Test func damagedShardsAreRefused() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/text"
            _ = try encode(Counted(), ["a", "b"], to: path)
            let shard = "\(path)/text-000000.safetensors"
            let whole = try #require(FileManager.default.contents(atPath: shard))
            func refused(_ bytes: Data) throws -> String {
                try bytes.write(to: URL(fileURLWithPath: shard))
                return sentence { _ = try CaptionCache(path: path) }
            }
            expectSentence(try refused(whole.dropLast(7)), naming: [shard])
            expectSentence(try refused(Data()), naming: [shard])
            expectSentence(try refused(Data("text".utf8)), naming: [shard])
            // Rows of another shape or type, or of fewer captions.
            func written(_ shape: [Int], as type: ElementType, keys: Int) throws -> Data {
                let other = "\(directory)/other.safetensors"
                try SafetensorsWriter.write(
                    [("rows", Tensor(zeros: shape))], as: type,
                    integers: [(name: "keys", shape: [keys, 2], values: [Int](repeating: 1, count: 2 * keys))],
                    metadata: [:], to: other)
                return try #require(FileManager.default.contents(atPath: other))
            }
            for bytes in [
                try written([3, 3, 5], as: .bfloat16, keys: 3), try written([2, 3, 4], as: .bfloat16, keys: 2),
                try written([3, 3, 4], as: .float32, keys: 3), try written([3, 3, 4], as: .bfloat16, keys: 2),
            ] {
                expectSentence(try refused(bytes), naming: [shard, "contradicts text.json"])
            }
            try whole.write(to: URL(fileURLWithPath: shard))
            #expect(try CaptionCache(path: path).count == 3)
            expectSentence(
                sentence {
                    _ = try CaptionCache(path: path).rows(of: ["z"], length: 3, emptyPrompt: .seesNothing) { false }
                }, naming: [path, "holds no caption 'z'"])
            try Data("{\"length\": 3}".utf8).write(to: URL(fileURLWithPath: "\(path)/text.json"))
            expectSentence(sentence { _ = try CaptionCache(path: path) }, naming: ["text.json is not a manifest"])
        }
    }
}
