import PixNerdImages
import PixNerdTensors

extension LoadedBatch {
    /// 1 for the pixels of the images and 0 for padding, [B, 1, H, W]; nil if no image is padded.
    public var coveredMask: Tensor? {
        guard let covered, covered.contains(where: { $0.count < imageSize.area }) else { return nil }
        var mask = Tensor(zeros: [count, 1, imageSize.height, imageSize.width])
        mask.withUnsafeMutableBuffer { mask in
            for (image, area) in covered.enumerated() {
                for row in area.rows {
                    let begin = (image * imageSize.height + row) * imageSize.width
                    for column in area.columns { mask[begin + column] = 1 }
                }
            }
        }
        return mask
    }
}
