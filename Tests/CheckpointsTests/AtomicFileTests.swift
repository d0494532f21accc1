import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// A name stands for a whole file or for none.
@Suite struct AtomicFileTests {
    private struct Interrupted: Error {}

    private func append(_ text: String, to file: borrowing AtomicFile) throws {
        try Array(text.utf8).withUnsafeBytes { try file.append($0) }
    }

    private func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    @Test func partsAreJoinedUnderTheName() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/state.json"
            try AtomicFile.write(to: path) { file in
                try append("one ", to: file)
                try append("", to: file)
                try append("two", to: file)
                #expect(!FileManager.default.fileExists(atPath: path))
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "one two")
            #expect(try names(in: directory) == ["state.json"])
        }
    }

    @Test func aFileThatIsThereIsReplaced() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/state.json"
            try "a long text that was there before".write(toFile: path, atomically: false, encoding: .utf8)
            try AtomicFile.write(to: path) { try append("new", to: $0) }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "new")
        }
    }

    @Test func whatFailsInTheMiddleLeavesTheOldFileAndNothingElse() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/state.json"
            try "old".write(toFile: path, atomically: false, encoding: .utf8)
            #expect(throws: Interrupted.self) {
                try AtomicFile.write(to: path) { file in
                    try append("new", to: file)
                    throw Interrupted()
                }
            }
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
            #expect(try names(in: directory) == ["state.json"])
        }
    }

    @Test func whatFailsBeforeThereWasAFileLeavesNone() throws {
        try withTemporaryDirectory { directory in
            #expect(throws: Interrupted.self) {
                try AtomicFile.write(to: "\(directory)/state.json") { _ in throw Interrupted() }
            }
            let left = try names(in: directory)
            #expect(left == [])
        }
    }

    @Test func aFolderInTheWayIsLeftAlone() throws {
        try withTemporaryDirectory { directory in
            let path = "\(directory)/taken"
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
            let error = #expect(throws: PixNerdError.self) {
                try AtomicFile.write(to: path) { try append("new", to: $0) }
            }
            expectSentence(error?.description ?? "", naming: [path, "cannot be written"])
            #expect(try names(in: directory) == ["taken"])
        }
    }

    @Test func aPlaceThatCannotBeWrittenGivesOneSentence() throws {
        try withTemporaryDirectory { directory in
            let file = "\(directory)/file"
            try "text".write(toFile: file, atomically: false, encoding: .utf8)
            for path in ["\(directory)/missing/a.json", "\(file)/a.json", "/proc/a.json"] {
                let error = #expect(throws: PixNerdError.self) {
                    try AtomicFile.write(to: path) { _ in Issue.record("nothing can be written to \(path)") }
                }
                expectSentence(error?.description ?? "", naming: [path, "cannot be written"])
            }
        }
    }

    @Test func syncingWhatIsNoFolderGivesOneSentence() throws {
        try withTemporaryDirectory { directory in
            try AtomicFile.syncDirectory(directory)
            let error = #expect(throws: PixNerdError.self) {
                try AtomicFile.syncDirectory("\(directory)/missing")
            }
            expectSentence(error?.description ?? "", naming: ["\(directory)/missing"])
        }
    }
}
