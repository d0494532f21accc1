/// A published autoencoder, identified by its shape and scale.
public struct KnownAutoencoder: Sendable {
    public let name: String
    let latentChannels: Int
    let hasQuantConvolutions: Bool
    public let scale: LatentScale

    private static let playgroundMeans: [Float] = [-1.6574, 1.886, -1.383, 2.5155]
    private static let playgroundDeviations: [Float] = [8.4927, 5.9022, 6.5498, 5.2299]

    /// All known autoencoders; each has levels of 128, 256, 512 and 512 channels.
    public static let all: [KnownAutoencoder] = [
        KnownAutoencoder(
            name: "Stable Diffusion 1 and 2 (also ft-EMA and ft-MSE)", latentChannels: 4, hasQuantConvolutions: true,
            scale: LatentScale(factor: 0.18215)),
        KnownAutoencoder(
            name: "SDXL (also PixArt-Sigma)", latentChannels: 4, hasQuantConvolutions: true,
            scale: LatentScale(factor: 0.13025)),
        KnownAutoencoder(
            name: "Playground v2.5 (SDXL's weights)", latentChannels: 4, hasQuantConvolutions: true,
            scale: LatentScale(factor: 0.5, means: playgroundMeans, deviations: playgroundDeviations)),
        KnownAutoencoder(
            name: "Stable Diffusion 3", latentChannels: 16, hasQuantConvolutions: false,
            scale: LatentScale(factor: 1.5305, shift: 0.0609)),
        KnownAutoencoder(
            name: "FLUX.1", latentChannels: 16, hasQuantConvolutions: false,
            scale: LatentScale(factor: 0.3611, shift: 0.1159)),
    ]

    /// Whether this autoencoder has the given architecture.
    func fits(_ architecture: AutoencoderArchitecture) -> Bool {
        architecture.levelWidths == [128, 256, 512, 512] && architecture.blocksPerLevel == 2
            && architecture.channels == 3 && architecture.groups == 32 && architecture.hasAttention
            && architecture.hasQuantConvolution == hasQuantConvolutions
            && architecture.hasPostQuantConvolution == hasQuantConvolutions
            && architecture.latentChannels == latentChannels
    }

    /// Known autoencoders with the given architecture.
    public static func kinds(of architecture: AutoencoderArchitecture) -> [KnownAutoencoder] {
        all.filter { $0.fits(architecture) }
    }

    /// The name of the known autoencoder with this architecture and scale, or a list of candidates if the scale is
    /// unknown; nil if none fits.
    public static func name(of architecture: AutoencoderArchitecture, scale: LatentScale?) -> String? {
        let kinds = kinds(of: architecture)
        guard let scale else {
            return kinds.isEmpty
                ? nil : "same shape as " + kinds.map(\.name).joined(separator: ", ") + "; scale unknown"
        }
        return kinds.first { $0.scale == scale }?.name
    }
}
