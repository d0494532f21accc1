import PixNerdModels
import PixNerdSupport

/// Results of a comparison of autoencoders, with everything needed to reproduce them.
public struct AutoencoderComparisonReport: Encodable, Sendable {
    /// Results of one autoencoder.
    public struct Entry: Encodable, Sendable {
        public let path: String
        /// Name of the published autoencoder with this shape and scale; nil if there is none.
        public let name: String?
        public let fingerprint: String
        public let parameters: Int
        /// Downsampling factor f: pixels per latent along each side.
        public let reduction: Int
        public let latentChannels: Int
        /// Multiply-adds to encode one image.
        public let encodingMultiplyAdds: Int
        /// Multiply-adds to decode one image.
        public let decodingMultiplyAdds: Int
        public let measures: [EvaluationReport.Measure]

        enum CodingKeys: String, CodingKey {
            case path, name, fingerprint, parameters, reduction, measures
            case latentChannels = "latent_channels"
            case encodingMultiplyAdds = "encoding_multiply_adds"
            case decodingMultiplyAdds = "decoding_multiply_adds"
        }

        /// The measure with a name, such as `psnr`.
        public subscript(name: String) -> EvaluationReport.Measure? { measures.first { $0.name == name } }
    }

    public let program: String
    public let pictures: EvaluationReport.Side
    public let size: ImageSize
    /// Images encoded at once. Times and memory depend on it, as on `threads`.
    public let batch: Int
    public let threads: Int
    public let features: EvaluationReport.Features?
    public let autoencoders: [Entry]
}
