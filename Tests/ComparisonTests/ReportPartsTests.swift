import PixNerdComparison
import PixNerdImages
import PixNerdTestSupport
import Testing

/// The parts that a page is made of.
@Suite struct ReportPartsTests {
    @Test(arguments: [
        (0, "0"), (0.01234, "0.0123"), (0.1234, "0.123"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"),
        (1234.4, "1234"), (-12345.6, "-12\u{202f}346"), (1_234_567, "1\u{202f}234\u{202f}567"), (.infinity, "infinite"),
        (.nan, "unknown"),
    ])
    func numbersHaveThreeDigitsThatCount(value: Double, text: String) {
        #expect(NumberText.short(value) == text)
    }

    @Test(arguments: [
        (999, "999"), (1500, "1.50 k"), (9_344_067, "9.34 M"), (4.6e8, "460 M"), (7.7e13, "77.0 T"), (2e18, "2000 P"),
    ])
    func largeNumbersHaveAPrefix(value: Double, text: String) {
        #expect(NumberText.scaled(value).replacing("\u{a0}", with: " ") == text)
    }

    @Test(arguments: [(1.5, "1.50 s"), (59, "59.0 s"), (61, "1 min 1 s"), (3599.6, "1 h 0 min"), (9000, "2 h 30 min")])
    func timesAreInWords(seconds: Double, text: String) {
        #expect(NumberText.duration(seconds).replacing("\u{a0}", with: " ") == text)
    }

    @Test func linearAxesBeginAtZero() {
        let axis = ChartAxis(.linear, holding: [3, 10, .infinity])
        #expect(axis.place(0) == 0 && axis.place(10) < 1 && axis.place(10) > 0.9)
        #expect(axis.ticks(about: 4) == [0, 2.5, 5, 7.5, 10])
        let below = ChartAxis(.linear, holding: [-1, 3])
        #expect(below.place(-1) == 0 && below.place(0) > 0.2)
        #expect(below.ticks(about: 4).contains(0) && below.ticks(about: 4).allSatisfy { $0 >= -1 && $0 <= 3.3 })
        #expect(ChartAxis(.linear, holding: []).ticks(about: 4).count > 2)
    }

    @Test func logarithmicAxesHaveRoundTicks() {
        let axis = ChartAxis(.logarithmic, holding: [1, 16, 0, -3])
        #expect(axis.place(1) == 0 && axis.place(16) == 1)
        // The middle of a logarithm, up to its rounding.
        #expect(abs(axis.place(4) - 0.5) < 1e-12)
        #expect(axis.ticks(about: 4) == [1, 3, 10])
        #expect(
            ChartAxis(.logarithmic, holding: [1e-3, 1e5]).ticks(about: 4).map(ChartAxis.label).prefix(3) == [
                "0.001", "0.01", "0.1",
            ])
        #expect(ChartAxis.label(200_000) == "200000" && ChartAxis.label(2.5) == "2.5" && ChartAxis.label(0) == "0")
        #expect(ChartAxis(.logarithmic, holding: []).ticks(about: 4).count >= 2)
    }

    @Test func differencesAreStrongAndAboutGrey() {
        let before = RGBImage(width: 2, height: 1, pixels: [10, 20, 30, 0, 0, 255])
        let after = RGBImage(width: 2, height: 1, pixels: [10, 21, 28, 255, 1, 0])
        #expect(InlinePictures.difference(after, before, times: 4).pixels == [128, 132, 120, 255, 132, 0])
    }
}
