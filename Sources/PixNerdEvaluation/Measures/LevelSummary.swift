import PixNerdTensors

/// Mean colour of one side's images, and whether they show anything.
///
/// The texture measures ignore the mean colour: they find no difference between black and white images. This says so.
struct LevelSummary: Sendable {
    private var sums = [0.0, 0.0, 0.0]
    private var pixels = 0.0
    /// Whether every image is of a single colour.
    private(set) var isPlain = true

    /// Difference of the mean grey levels, 0 ... 255, that is worth a remark.
    private static let remarkable = 16.0

    mutating func add(_ batch: PixelBatch) {
        for (sum, isPlain) in parallelMap(batch.count, { Self.levels(of: batch, picture: $0) }) {
            for channel in 0..<3 { sums[channel] += sum[channel] }
            self.isPlain = self.isPlain && isPlain
        }
        pixels += Double(batch.count) * Double(batch.height) * Double(batch.width)
    }

    /// Sums of the levels of each channel, and whether all pixels are equal.
    private static func levels(of batch: PixelBatch, picture: Int) -> (sums: [Double], isPlain: Bool) {
        let range = picture * batch.pictureSize..<(picture + 1) * batch.pictureSize
        return batch.pixels.withUnsafeBufferPointer { all in
            let pixels = UnsafeBufferPointer(rebasing: all[range])
            var sums = (0, 0, 0)
            var isPlain = true
            for at in stride(from: 0, to: pixels.count, by: 3) {
                sums = (sums.0 + Int(pixels[at]), sums.1 + Int(pixels[at + 1]), sums.2 + Int(pixels[at + 2]))
                if isPlain {
                    isPlain = pixels[at] == pixels[0] && pixels[at + 1] == pixels[1] && pixels[at + 2] == pixels[2]
                }
            }
            return ([Double(sums.0), Double(sums.1), Double(sums.2)], isPlain)
        }
    }

    /// What the texture measures miss between two sides, as the end of a note; nil if it is little.
    static func remark(real: LevelSummary, generated: LevelSummary) -> String? {
        var remarks: [String] = []
        let plain = [(real, "real"), (generated, "generated")].filter { $0.0.isPlain }.map(\.1)
        if !plain.isEmpty { remarks.append("\(plain.joined(separator: " and ")) images are plain colours") }
        let difference = (0..<3).map { abs(real.sums[$0] / real.pixels - generated.sums[$0] / generated.pixels) }.max()
        if let difference, difference >= remarkable {
            remarks.append("ignores that mean colours differ by \(Int(difference.rounded())) of 255")
        }
        return remarks.isEmpty ? nil : remarks.joined(separator: ", ")
    }
}
