import PixNerdImages
import PixNerdModels
import PixNerdTensors

extension PictureInput? {
    /// Pictures that a model is shown, as people see them: with grey where something is left out.
    ///
    /// - Parameters:
    ///   - pictures: [B, K, H, W], of this input, or control pictures for nil.
    ///   - format: The format of the images that the model makes.
    package func displayed(_ pictures: Tensor, _ format: PixelFormat) -> [RGBImage] {
        switch self?.kind {
        case .grey: shownPictures(pictures, PixelFormat(.grey))
        case .masked: shownPictures(firstChannels(pictures, format.channelCount), format)
        default: shownPictures(pictures, format)
        }
    }

    private func firstChannels(_ pictures: Tensor, _ count: Int) -> Tensor {
        let (all, area) = (pictures.shape[1], pictures.shape[2] * pictures.shape[3])
        let values = pictures.withUnsafeBuffer { values in
            (0..<pictures.shape[0]).flatMap { values[$0 * all * area..<($0 * all + count) * area] }
        }
        return Tensor(values, shape: [pictures.shape[0], count] + pictures.shape[2...])
    }
}
