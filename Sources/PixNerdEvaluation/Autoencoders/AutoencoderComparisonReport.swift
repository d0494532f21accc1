import PixNerdModels

/// What a comparison of autoencoders found, and everything that decided it.
public struct AutoencoderComparisonReport: Encodable, Sendable {
    /// One of the autoencoders.
    public struct Entry: Encodable, Sendable {
        public let path: String
        /// The published kind that shape and scale are those of.
        public let name: String?
        public let fingerprint: String
        public let parameters: Int
        /// How many pixels along a side become one latent: f.
        public let reduction: Int
        public let latentChannels: Int
        /// Of one picture.
        public let encodingMultiplyAdds: Int
        public let decodingMultiplyAdds: Int
        public let measures: [EvaluationReport.Measure]

        enum CodingKeys: String, CodingKey {
            case path, name, fingerprint, parameters, reduction, measures
            case latentChannels = "latent_channels"
            case encodingMultiplyAdds = "encoding_multiply_adds"
            case decodingMultiplyAdds = "decoding_multiply_adds"
        }

        /// The measure of a name.
        public subscript(name: String) -> EvaluationReport.Measure? { measures.first { $0.name == name } }
    }

    public let program: String
    public let pictures: EvaluationReport.Side
    public let size: PictureExtent
    /// Pictures that were encoded at once, and threads that did it: times and memory depend on them.
    public let batch: Int
    public let threads: Int
    public let features: EvaluationReport.Features?
    public let autoencoders: [Entry]
}
