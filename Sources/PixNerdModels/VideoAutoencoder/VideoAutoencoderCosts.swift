import PixNerdSupport

extension TemporalArchitecture {
    /// Multiply-adds of encoding a piece of frames, or the largest `Int`.
    ///
    /// - Parameters:
    ///   - frames: frames of the piece.
    ///   - pixels: latents of a frame.
    public func encodingMultiplyAdds(frames: Int, pixels: Int) -> Int {
        var places = CheckedInt(latents(frames: frames) * factor) * CheckedInt(pixels)
        var inputs = filters
        var total = places * Self.convolution(channels, inputs)
        for (level, outputs) in widths.enumerated() {
            total += blocks(inputs, outputs) * places
            if level < halvesTime.count, halvesTime[level] {
                places = places / 2
                total += places * Self.convolution(outputs, outputs)
            }
            inputs = outputs
        }
        let end = CheckedInt(2 * latentChannels) * CheckedInt(inputs + 2 * latentChannels)
        return (total + places * (blocks(inputs, inputs) + end)).clamped
    }

    /// Multiply-adds of decoding a piece of frames, or the largest `Int`.
    ///
    /// - Parameters:
    ///   - frames: frames of the piece.
    ///   - pixels: latents of a frame.
    public func decodingMultiplyAdds(frames: Int, pixels: Int) -> Int {
        var places = CheckedInt(latents(frames: frames)) * CheckedInt(pixels)
        var inputs = widths[widths.count - 1]
        let start = CheckedInt(latentChannels * latentChannels) + Self.convolution(latentChannels, inputs)
        var total = places * (start + blocks(inputs, inputs))
        for (level, outputs) in widths.enumerated().reversed() {
            total += blocks(inputs, outputs) * places
            if level > 0, halvesTime[level - 1] {
                total += places * Self.convolution(outputs, 2 * outputs)
                places = places * 2
            }
            inputs = outputs
        }
        return (total + places * Self.convolution(inputs, channels)).clamped
    }

    /// Multiply-adds of encoding a piece of a film, with those of the image autoencoder, or the largest `Int`.
    ///
    /// - Parameters:
    ///   - frames: frames of the piece.
    ///   - size: height and width of a frame in pixels.
    ///   - spatial: the sizes of the image autoencoder.
    public func encodingMultiplyAdds(
        frames: Int, of size: ImageSize, with spatial: AutoencoderArchitecture
    ) -> Int {
        (CheckedInt(frames) * CheckedInt(spatial.encodingMultiplyAdds(height: size.height, width: size.width))
            + CheckedInt(encodingMultiplyAdds(frames: frames, pixels: spatial.latents(of: size)))).clamped
    }

    /// Multiply-adds of decoding a piece of a film, with those of the image autoencoder, or the largest `Int`.
    ///
    /// - Parameters:
    ///   - frames: frames of the piece.
    ///   - size: height and width of a frame in pixels.
    ///   - spatial: the sizes of the image autoencoder.
    public func decodingMultiplyAdds(
        frames: Int, of size: ImageSize, with spatial: AutoencoderArchitecture
    ) -> Int {
        (CheckedInt(frames) * CheckedInt(spatial.decodingMultiplyAdds(height: size.height, width: size.width))
            + CheckedInt(decodingMultiplyAdds(frames: frames, pixels: spatial.latents(of: size)))).clamped
    }

    /// Number of parameters of a model of these sizes.
    public var parameterCount: Int {
        func norm(_ width: Int) -> CheckedInt { CheckedInt(2 * width) }
        func block(_ inputs: Int, _ outputs: Int) -> CheckedInt {
            norm(inputs) + norm(outputs) + weights(inputs, outputs)
        }
        func level(_ inputs: Int, _ outputs: Int) -> CheckedInt {
            block(inputs, outputs) + CheckedInt(blocksPerLevel - 1) * block(outputs, outputs)
        }
        func biased(_ inputs: Int, _ outputs: Int, _ taps: Int = 27) -> CheckedInt {
            CheckedInt(taps) * CheckedInt(inputs) * CheckedInt(outputs) + CheckedInt(outputs)
        }
        let (first, last, latent) = (widths[0], widths[widths.count - 1], latentChannels)
        var encoder = Self.convolution(channels, filters) + norm(last) + biased(last, 2 * latent, 1) + level(last, last)
        var decoder = biased(latent, last) + norm(first) + biased(first, channels) + level(last, last)
        for (index, width) in widths.enumerated() {
            encoder += level(index == 0 ? filters : widths[index - 1], width)
            decoder += level(widths[min(index + 1, widths.count - 1)], width)
            if index < halvesTime.count, halvesTime[index] {
                encoder += biased(width, width)
                decoder += biased(widths[index + 1], 2 * widths[index + 1])
            }
        }
        return (encoder + decoder + biased(2 * latent, 2 * latent, 1) + biased(latent, latent, 1)).clamped
    }

    /// Number of activations that training keeps per clip.
    ///
    /// - Parameters:
    ///   - frames: frames of a clip.
    ///   - pixels: latents of a frame.
    public func activations(frames: Int, pixels: Int) -> Int {
        var places = CheckedInt(latents(frames: frames) * factor) * CheckedInt(pixels)
        var total: CheckedInt = 0
        for (level, width) in widths.enumerated() {
            // Five tensors for each block, once in the encoder and once in the decoder.
            total += places * CheckedInt(2 * 5 * (blocksPerLevel + 1) * width)
            if level < halvesTime.count, halvesTime[level] { places = places / 2 }
        }
        return (total + places * CheckedInt(2 * 5 * blocksPerLevel * widths[widths.count - 1])).clamped
    }

    private static func convolution(_ inputs: Int, _ outputs: Int) -> CheckedInt {
        27 * CheckedInt(inputs) * CheckedInt(outputs)
    }

    private func weights(_ inputs: Int, _ outputs: Int) -> CheckedInt {
        Self.convolution(inputs, outputs) + Self.convolution(outputs, outputs)
            + (inputs == outputs ? 0 : CheckedInt(inputs) * CheckedInt(outputs))
    }

    /// Multiply-adds of the blocks of a level for each place.
    private func blocks(_ inputs: Int, _ outputs: Int) -> CheckedInt {
        weights(inputs, outputs) + CheckedInt(blocksPerLevel - 1) * weights(outputs, outputs)
    }
}

/// How a piece of a film is computed within some memory.
public struct VideoPlan: Sendable, Equatable {
    /// Frames that the image autoencoder computes together.
    public let framesAtOnce: Int
    /// Tiles that the frames are cut into; nil for whole frames.
    public let tiles: DecodingTiles?

    public init(framesAtOnce: Int, tiles: DecodingTiles? = nil) {
        (self.framesAtOnce, self.tiles) = (framesAtOnce, tiles)
    }

    /// Pixels of the frames that are computed together at most: more do not make it faster.
    private static let pixelsAtOnce = 1 << 19
    /// Smallest side of tiles, in latents.
    static let leastSide = 8

    /// The plan that is fastest within some bytes: whole frames, as many at once as fit, or else the largest tiles.
    ///
    /// - Parameters:
    ///   - height: latents of a frame along its height.
    ///   - width: latents of a frame along its width.
    ///   - bytes: memory for weights and computation together.
    ///   - side: the side of tiles in latents, if it is chosen already.
    /// - Throws: `PixNerdError` with the least memory that would do, if the memory is too little.
    public init(
        _ model: VideoAutoencoder, height: Int, width: Int, bytes: Double, side: Int? = nil
    ) throws {
        let needs = { (height: Int, width: Int, atOnce: Int) in
            model.neededBytes(height: height, width: width, framesAtOnce: atOnce)
        }
        func atOnce(_ height: Int, _ width: Int) -> Int? {
            let most = max(1, Self.pixelsAtOnce / (height * width * model.grid.space * model.grid.space))
            return stride(from: min(most, model.numbers.piece), to: 0, by: -1).first {
                needs(height, width, $0) <= bytes
            }
        }
        let whole = (height: height, width: width)
        func cut(_ side: Int) -> (height: Int, width: Int) { (min(side, whole.height), min(side, whole.width)) }
        if side.map({ $0 >= max(height, width) }) ?? true, let count = atOnce(height, width) {
            self.init(framesAtOnce: count)
            return
        }
        let sides = side.map { [$0] } ?? Array(stride(from: max(height, width) - 1, through: Self.leastSide, by: -1))
        for side in sides {
            let tile = cut(side)
            guard let count = atOnce(tile.height, tile.width) else { continue }
            self.init(framesAtOnce: count, tiles: try DecodingTiles(side: side, overlap: side / 4))
            return
        }
        let least = cut(side ?? Self.leastSide)
        throw PixNerdError(
            .system, "\(model.parameterCount) weights and \(model.numbers.piece) frames of a piece",
            found: "take \(gigabytes(needs(least.height, least.width, 1))) of memory at least, and "
                + "\(gigabytes(bytes)) are allowed", advice: "allow more, or use smaller tiles or frames")
    }
}

extension VideoAutoencoder {
    /// An estimate of the bytes that encoding and decoding a piece takes, with the weights.
    ///
    /// - Parameters:
    ///   - height: latents of a tile or frame along its height.
    ///   - width: latents of a tile or frame along its width.
    ///   - framesAtOnce: frames that the image autoencoder computes together.
    public func neededBytes(height: Int, width: Int, framesAtOnce: Int) -> Double {
        let latents = Double(height) * Double(width)
        let (architecture, spatial) = (temporal.architecture, spatial.architecture)
        let count = Double(temporal.latents(frames: numbers.piece) * grid.time)
        // A block holds its input, what it computes of it, and copies with frames of zeros in front.
        var (frames, widest) = (count, 0.0)
        for (level, width) in architecture.widths.enumerated() {
            widest = max(widest, 6 * frames * Double(width) * latents)
            if level < architecture.halvesTime.count, architecture.halvesTime[level] { frames /= 2 }
        }
        // The filters of the largest convolution over time, in order and transformed.
        let last = Double(architecture.widths[architecture.widths.count - 1])
        let filters = 2 * 3 * (9 + 36) * last * last
        let pixels = latents * Double(spatial.reduction * spatial.reduction)
        let levels = spatial.levelWidths.enumerated().map { level, width in
            // Doubling the sides leaves the channels of the next level.
            let above = spatial.levelWidths[min(level + 1, spatial.levelWidths.count - 1)]
            return Double(max(width, above)) * pixels / Double(1 << (2 * level))
        }
        let picture = 8 * Double(framesAtOnce) * (levels.max() ?? 0)
        let film = 2 * Double(numbers.piece) * Double(spatial.channels) * pixels
        return 4 * (Double(parameterCount) + max(widest + filters, picture) + film) + 64 * 1_048_576
    }
}

extension AutoencoderArchitecture {
    /// Number of places of an image's latents.
    fileprivate func latents(of size: ImageSize) -> Int { size.area / (reduction * reduction) }
}
