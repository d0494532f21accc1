import Foundation
import PixNerdDistributed
import Testing

/// A process that was started alone; several are tested by commands under mpirun.
@Suite struct CommunicatorTests {
    private struct Trouble: Error, Equatable {}

    @Test func oneProcessIsItsOwnRoot() throws {
        let alone = try Communicator.ofLaunch()
        #expect(!Launch.isParallel && alone.size == 1 && alone.isRoot && alone.localSize == 1)
        #expect(alone.gather(numbers: [1.5, 2.5]) == [[1.5, 2.5]])
        #expect(alone.gather(text: "ä") == ["ä"])
        #expect(alone.any(true) && !alone.any(false))
        #expect(alone.broadcast { Data([1, 2]) } == Data([1, 2]))
        #expect(alone.ownShare(of: 5) == 0..<5)
        try alone.expectSame("thing", "a", advice: "mend it")
    }

    @Test func itsErrorsStayWhatTheyAre() {
        #expect(throws: Trouble()) { try Communicator.alone.agree { throw Trouble() } }
    }
}
