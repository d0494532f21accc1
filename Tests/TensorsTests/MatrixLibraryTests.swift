import Foundation
import Testing

@testable import PixNerdTensors

@Suite struct OpenBLASCoreTests {
    @Test func laddersGoDown() {
        #expect(OpenBLASCore.skylakeX.ladder == [.skylakeX, .haswell, .sandybridge, .nehalem, .prescott])
        #expect(OpenBLASCore.prescott.ladder == [.prescott])
        for core in OpenBLASCore.allCases { #expect(OpenBLASCore(named: core.rawValue.uppercased()) == core) }
    }

    /// Names as OpenBLAS spells them, and one that is newer than this list.
    @Test(arguments: [
        ("Zen", OpenBLASCore.haswell), ("Excavator", .sandybridge), ("Core2", .prescott),
        ("SapphireRapids", .cooperlake),
        ("Novalake", .cooperlake),
    ])
    func namesHaveLevels(name: String, level: OpenBLASCore) {
        #expect(OpenBLASCore(named: name) == level)
    }

    /// What is set while the library loads does not stay.
    @Test func theEnvironmentStaysAsItIs() throws {
        let before = ProcessInfo.processInfo.environment
        let library = try MatrixLibrary.shared.get()
        _ = library.detectedCore
        #expect(ProcessInfo.processInfo.environment == before)
        #expect(getenv("OPENBLAS_NUM_THREADS").map { String(cString: $0) } == before["OPENBLAS_NUM_THREADS"])
        #expect(library.mistakes.isEmpty && library.path.hasPrefix("/"))
    }
}
