import Foundation
import Testing

/// The studio's program, which `pixnerd` starts.
@Suite struct StudioCommandTests {
    @Test func theProgramBesideServesTheStudio() throws {
        try Workplace.with { place in
            let refused = try place.run(["studio", "--address", "0.0.0.0"])
            #expect(refused.isExit && refused.status == 1)
            #expect(refused.errors.contains("--token") && refused.errors.split(separator: "\n").count == 1)
        }
    }

    @Test(arguments: [["studio"], ["train", "x.yaml", "--studio"]])
    func aMissingProgramIsNamed(arguments: [String]) throws {
        try Workplace.with { place in
            let alone = place.path("pixnerd")
            try FileManager.default.copyItem(atPath: Workplace.program(), toPath: alone)
            let refused = try place.finish("alone", place.start("alone", arguments, program: alone))
            #expect(refused.isExit && refused.status == 1)
            let missing = "Error: the studio is a program of its own, and \(alone)-studio does not exist; "
            #expect(refused.errors == missing + "build it with: make studio\n")
        }
    }
}
