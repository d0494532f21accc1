import Foundation
import PixNerdSupport
import Testing

@testable import PixNerdCommands
@testable import PixNerdTraining

@Suite struct ProgressTests {
    private let line = ProgressLine(
        done: 9999, total: 20000, isPercentage: false,
        details: "loss 0.1234  flow 0.1000  align 0.0234  123.4 images/s", time: "47:41:33 left")

    /// A line never wraps, whatever the width.
    @Test func linesFitTheTerminal() {
        for width in 1...200 {
            let text = line.text(width: width)
            #expect(text.count < width || text.isEmpty, "\(width): \(text)")
        }
        #expect(
            line.text(width: 200)
                == "[===========             ] 9999/20000  loss 0.1234  flow 0.1000  align 0.0234  123.4 images/s  "
                + "47:41:33 left")
        #expect(line.text(width: 80) == "9999/20000  loss 0.1234  flow 0.1000  align 0.0234  47:41:33 left")
        #expect(line.text(width: 40) == "9999/20000  loss 0.1234  47:41:33 left")
        #expect(line.text(width: 12) == "9999/20000 ")
    }

    @Test func percentagesAreCalledSo() {
        let line = ProgressLine(done: 42, total: 100, isPercentage: true, details: "written", time: "0:03 left")
        #expect(line.text == "42 %  written  0:03 left")
    }

    /// The first step is slow, so no remaining time is estimated from it alone.
    @Test func timeIsForetoldFromSeveralSteps() {
        #expect(ProgressBar.timeText(done: 1, first: 0, total: 100, seconds: 0.5) == "")
        #expect(ProgressBar.timeText(done: 1, first: 0, total: 100, seconds: 10) == "16:30 left")
        #expect(ProgressBar.timeText(done: 2, first: 0, total: 100, seconds: 1) == "0:49 left")
        #expect(ProgressBar.timeText(done: 52, first: 50, total: 100, seconds: 10) == "4:00 left")
        #expect(ProgressBar.timeText(done: 100, first: 50, total: 100, seconds: 61) == "took 1:01")
    }

    @Test func aRunIsForetoldOnce() {
        var forecast = TimeForecast(first: 100, total: 1100)
        let start = Date(timeIntervalSince1970: 0)
        var said: [Int: Double] = [:]
        for step in 101...1100 {
            // The first steps take ten seconds each, the others one.
            let seconds = Double(min(step - 100, 3) * 10 + max(step - 103, 0))
            said[step] = forecast.secondsLeft(afterStep: step, at: start + seconds)
        }
        #expect(said == [106: 994])
    }

    @Test func aShortRunIsNotForetold() {
        var forecast = TimeForecast(first: 0, total: 10)
        for step in 1...10 {
            #expect(forecast.secondsLeft(afterStep: step, at: Date(timeIntervalSince1970: Double(step))) == nil)
        }
    }
}

@Suite struct UsualNamesTests {
    @Test(arguments: [
        ("training.lr", "training.learning_rate"), ("lr", "training.learning_rate"), ("bs", "training.batch_size"),
        ("epochs", "training.steps"), ("cfg", "sampling.guidance"), ("model.depth", "model.num_blocks"),
    ])
    func otherProgramsNamesLeadToKeys(name: String, key: String) throws {
        let error = #expect(throws: PixNerdError.self) {
            try Configuration(text: "\(name): 1", origin: "a.yaml")
        }
        #expect(error?.description.hasSuffix("did you mean \(key)?") == true, "\(error?.description ?? "")")
    }

    /// Each suggestion is an existing key.
    @Test(arguments: [
        "lr", "bs", "epochs", "wd", "ema", "cfg", "data", "resolution", "num_workers", "dim", "depth", "heads",
    ])
    func suggestionsAreKeys(name: String) throws {
        let key = try #require(UsualNames.key(of: name))
        #expect(Configuration.keys.contains { $0.name == key })
    }

    @Test func optionsLeadToKeys() {
        #expect(UsualNames.key(ofOption: "--batch-size=3") == "training.batch_size")
        #expect(UsualNames.key(ofOption: "--training.steps") == "training.steps")
        #expect(UsualNames.key(ofOption: "--nonsense") == nil)
    }
}
