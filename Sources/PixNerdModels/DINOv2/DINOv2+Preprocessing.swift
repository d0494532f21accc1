import PixNerdTensors

extension DINOv2 {
    /// The patch tokens that a denoiser's tokens are aligned with, after the published preprocessing.
    ///
    /// Preprocessing normalises by ImageNet's mean and standard deviation and resizes bicubically (a = -0.75, no
    /// antialiasing, half-pixel centres) by the encoder's patch size / `basePatch`, so that each patch of `basePatch`
    /// pixels becomes one patch of the encoder.
    ///
    /// - Parameters:
    ///   - image: [B, 3, H, W] in [0, 1].
    ///   - basePatch: side of a patch in pixels, which divides H and W; 16 in the published training.
    /// - Returns: [B, (H / basePatch) (W / basePatch), D].
    public func features(of image: Tensor, basePatch: Int) -> Tensor {
        precondition(
            image.shape.count == 4 && image.shape[1] == 3 && image.shape[2] % basePatch == 0
                && image.shape[3] % basePatch == 0,
            "DINOv2: \(image.shape) is not [B, 3, H, W] with H and W multiples of \(basePatch)")
        let (batch, height, width) = (image.shape[0], image.shape[2], image.shape[3])
        // One factor and one summand per channel of each image.
        let deviations: [Float] = [0.229, 0.224, 0.225]
        let means: [Float] = [0.485, 0.456, 0.406]
        let factors = deviations.map { 1 / $0 }
        let summands = zip(means, deviations).map { -$0 / $1 }
        let planes = image.reshaped([3 * batch, height, width])
        let normalized = Tensor.combination(
            (0..<3 * batch).map { factors[$0 % 3] }, planes, (0..<3 * batch).map { summands[$0 % 3] },
            Tensor(repeating: 1, shape: planes.shape))
        let patch = architecture.patchSize
        return tokens(
            resizedBicubic(
                normalized.reshaped(image.shape), height: height / basePatch * patch, width: width / basePatch * patch))
    }
}

/// Maps images from -1 ... 1 to the range of encoders, 0 ... 1.
package func unitRange(_ pictures: Tensor) -> Tensor {
    Tensor.combination(0.5, pictures, 0.5, Tensor(repeating: 1, shape: pictures.shape))
}
