/// A published kind of autoencoder, known by its shape and its scale.
public struct KnownAutoencoder: Sendable {
    public let name: String
    let latentChannels: Int
    let hasQuantConvolutions: Bool
    public let scale: LatentScale

    private static let playgroundMeans: [Float] = [-1.6574, 1.886, -1.383, 2.5155]
    private static let playgroundDeviations: [Float] = [8.4927, 5.9022, 6.5498, 5.2299]

    /// All of them have the levels of the first: 128, 256, 512, 512.
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

    /// Whether it has these shapes.
    func fits(_ architecture: AutoencoderArchitecture) -> Bool {
        architecture.levelWidths == [128, 256, 512, 512] && architecture.blocksPerLevel == 2
            && architecture.channels == 3 && architecture.groups == 32 && architecture.hasAttention
            && architecture.hasQuantConvolution == hasQuantConvolutions
            && architecture.hasPostQuantConvolution == hasQuantConvolutions
            && architecture.latentChannels == latentChannels
    }

    /// The kinds that have these shapes.
    public static func kinds(of architecture: AutoencoderArchitecture) -> [KnownAutoencoder] {
        all.filter { $0.fits(architecture) }
    }

    /// What a person would call it: the kind where shape and scale fit one, the kinds where only the shape is known.
    public static func name(of architecture: AutoencoderArchitecture, scale: LatentScale?) -> String? {
        let kinds = kinds(of: architecture)
        guard let scale else {
            return kinds.isEmpty
                ? nil : "one of the shape of " + kinds.map(\.name).joined(separator: ", ") + "; its scale is not known"
        }
        return kinds.first { $0.scale == scale }?.name
    }
}
