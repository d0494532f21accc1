import PixNerdModels
import PixNerdSupport
import PixNerdTestSupport
import PixNerdTraining
import Testing

/// No number in a configuration ends the program, however large it is.
@Suite struct ConfigurationBoundTests {
    static let numbers = [
        "4294967296", "3037000500", "4611686018427387904", "9223372036854775807", "-9223372036854775808",
        "8796093022208",
    ]

    /// The keys whose values are whole numbers.
    private static let keys = Configuration.keys.filter { $0.expectation.hasPrefix("a whole number") }

    @Test func wholeNumbersHaveAnUpperBound() {
        #expect(Self.keys.count > 30)
        for key in Self.keys {
            for number in Self.numbers {
                let error = #expect(throws: PixNerdError.self, "\(key.name)=\(number)") {
                    try Configuration(text: "", origin: "a.yaml", settings: ["\(key.name)=\(number)"])
                }
                expectSentence(error?.description ?? "", naming: [key.name, number, "from", "to"])
            }
        }
    }

    /// The largest sizes that a configuration can have, all at once, still give numbers.
    @Test func estimatesOfTheLargestSizesAreNumbers() throws {
        let (width, blocks, side) = (SizeLimits.width, SizeLimits.blocks, SizeLimits.side)
        for head in DenoiserOptions.Head.allCases {
            let denoiser = try PixNerdArchitecture(
                hiddenSize: width, heads: 1, blocks: blocks, conditionedBlocks: blocks - 1, patchSize: 1,
                channels: SizeLimits.channels, head: head, fieldWidth: SizeLimits.fieldWidth,
                fieldRatio: SizeLimits.ratio, classes: SizeLimits.classes)
            let memory = MemoryEstimate(
                denoiser, averages: 100, batch: SizeLimits.batch, size: ImageSize(side), recompute: false,
                precision: .fp32)
            #expect(denoiser.parameterCount > 0 && memory.total > 1 << 50)
            #expect(denoiser.multiplyAdds(height: side, width: side) > 1 << 50)
        }
        let autoencoder = try AutoencoderArchitecture(
            channels: SizeLimits.channels, latentChannels: SizeLimits.channels,
            levelWidths: [Int](repeating: width, count: 15), blocksPerLevel: SizeLimits.blocksPerLevel, groups: 1)
        #expect(autoencoder.parameterCount > 1 << 40 && autoencoder.activations(height: side, width: side) > 1 << 40)
        #expect(autoencoder.encodingMultiplyAdds(height: side, width: side) > 1 << 50)
        #expect(autoencoder.decodingMultiplyAdds(height: side, width: side) > 1 << 50)
    }

    @Test(arguments: [
        ("hidden_size", Int.max, 4, 1), ("num_groups", 64, Int.max, 1), ("in_channels", 64, 4, .max),
        ("hidden_size", -8, 4, 1), ("in_channels", 64, 4, 0),
    ])
    func architecturesOfImpossibleSizesAreRefused(name: String, hidden: Int, heads: Int, channels: Int) {
        let error = #expect(throws: PixNerdError.self) {
            try PixNerdArchitecture(
                hiddenSize: hidden, heads: heads, blocks: 3, conditionedBlocks: 2, channels: channels)
        }
        expectSentence(error?.description ?? "", naming: [name])
    }

    @Test func autoencodersOfImpossibleSizesAreRefused() {
        for widths in [[1 << 32], [Int.max - 3], [0], [-4], [], [Int](repeating: 4, count: 99)] {
            #expect(throws: PixNerdError.self) { try AutoencoderArchitecture(levelWidths: widths, groups: 4) }
        }
        for blocks in [0, -1, 3_037_000_500, .max] {
            #expect(throws: PixNerdError.self) {
                try AutoencoderArchitecture(levelWidths: [4], blocksPerLevel: blocks, groups: 4)
            }
        }
    }
}
