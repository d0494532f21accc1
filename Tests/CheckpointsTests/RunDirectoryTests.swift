import Foundation
import PixNerdCheckpoints
import PixNerdSupport
import PixNerdTestSupport
import Testing

/// Directories of runs: what is there stays, and a step is there whole or not at all.
@Suite struct RunDirectoryTests {
    private struct Interrupted: Error {}

    private func names(in directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func withRun(_ body: (RunDirectory) throws -> Void) throws {
        try withTemporaryDirectory { directory in try body(RunDirectory.create("\(directory)/run")) }
    }

    /// Saves a step that holds one file of text.
    private func save(_ step: Int, _ text: String, in run: RunDirectory) throws {
        try run.save(step: step) { directory in
            try text.write(toFile: "\(directory)/weights", atomically: false, encoding: .utf8)
        }
    }

    private func text(at path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func aNewRunHasAPlaceForPreviews() throws {
        try withTemporaryDirectory { directory in
            let run = try RunDirectory.create("\(directory)/a/b")
            #expect(run.path == "\(directory)/a/b")
            #expect(try names(in: run.path) == ["previews"])
            #expect(run.savedSteps == [])
        }
    }

    @Test func anEmptyFolderIsTaken() throws {
        try withTemporaryDirectory { directory in
            #expect(throws: Never.self) { try RunDirectory.create(directory) }
        }
    }

    @Test func whatIsThereIsRefused() throws {
        try withTemporaryDirectory { directory in
            let (folder, file) = ("\(directory)/folder", "\(directory)/file")
            try FileManager.default.createDirectory(atPath: "\(folder)/x", withIntermediateDirectories: true)
            try "text".write(toFile: file, atomically: false, encoding: .utf8)
            for path in [folder, file] {
                let error = #expect(throws: PixNerdError.self) { try RunDirectory.create(path) }
                expectSentence(error?.description ?? "", naming: [path, "resume", "name=NAME"])
            }
            #expect(try names(in: folder) == ["x"])
            #expect(try text(at: file) == "text")
        }
    }

    @Test func aPlaceThatCannotBeMadeGivesOneSentence() throws {
        try withTemporaryDirectory { directory in
            try "text".write(toFile: "\(directory)/file", atomically: false, encoding: .utf8)
            for path in ["\(directory)/file/run", "/proc/run"] {
                let error = #expect(throws: PixNerdError.self) { try RunDirectory.create(path) }
                expectSentence(error?.description ?? "", naming: [path, "cannot be made"])
            }
        }
    }

    @Test func stepsAreNamedWithSevenDigits() {
        let run = RunDirectory(existing: "r")
        #expect(run.stepPath(12) == "r/step-0000012")
        #expect(run.stepPath(123_456_789) == "r/step-123456789")
    }

    @Test func savedStepsAreInOrderWithoutWhatIsUnfinished() throws {
        try withRun { run in
            for name in [
                "step-0000012", "step-0000002", "step-12345678", "step-5", "step-00000013", "step-abcdefg",
                "step-0000007.partial", "saving.partial", "step-", "other",
            ] {
                try FileManager.default.createDirectory(
                    atPath: "\(run.path)/\(name)", withIntermediateDirectories: true)
            }
            #expect(run.savedSteps == [2, 12, 12_345_678])
        }
    }

    @Test func aFolderThatIsNotThereHasNoSteps() {
        #expect(RunDirectory(existing: "/nonexistent/run").savedSteps == [])
    }

    @Test func theLatestLinkFollowsTheLastSave() throws {
        try withRun { run in
            try save(3, "three", in: run)
            #expect(try text(at: "\(run.path)/latest/weights") == "three")
            try save(6, "six", in: run)
            #expect(try text(at: "\(run.path)/latest/weights") == "six")
            // Relative, so that a run can be moved.
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "\(run.path)/latest") == "step-0000006")
            #expect(run.savedSteps == [3, 6])
            #expect(try names(in: run.path) == ["latest", "previews", "step-0000003", "step-0000006"])
        }
    }

    @Test func aStepThatIsSavedAgainIsReplaced() throws {
        try withRun { run in
            try save(3, "old", in: run)
            try save(3, "new", in: run)
            #expect(try text(at: "\(run.stepPath(3))/weights") == "new")
            #expect(try names(in: run.path) == ["latest", "previews", "step-0000003"])
        }
    }

    @Test(arguments: [6, 3])
    func aSaveThatFailsInTheMiddleLeavesEarlierStepsAndNoRubbish(step: Int) throws {
        try withRun { run in
            try save(3, "three", in: run)
            #expect(throws: Interrupted.self) {
                try run.save(step: step) { directory in
                    try "half".write(toFile: "\(directory)/weights", atomically: false, encoding: .utf8)
                    throw Interrupted()
                }
            }
            #expect(run.savedSteps == [3])
            #expect(try text(at: "\(run.path)/latest/weights") == "three")
            #expect(try names(in: run.path) == ["latest", "previews", "step-0000003"])
        }
    }

    /// What `kill -9` left in the middle of a save does not get into the next one.
    @Test func leftoversOfAnEarlierSaveAreCleared() throws {
        try withRun { run in
            let leftover = "\(run.path)/saving.partial"
            try FileManager.default.createDirectory(atPath: leftover, withIntermediateDirectories: true)
            try "half".write(toFile: "\(leftover)/rubbish", atomically: false, encoding: .utf8)
            #expect(run.savedSteps == [])
            try save(3, "three", in: run)
            #expect(try names(in: run.stepPath(3)) == ["weights"])
        }
    }

    @Test func aSaveWithoutAPlaceThrows() {
        let run = RunDirectory(existing: "/proc/run")
        #expect(throws: (any Error).self) {
            try run.save(step: 1) { _ in Issue.record("there is no place to save to") }
        }
    }
}
