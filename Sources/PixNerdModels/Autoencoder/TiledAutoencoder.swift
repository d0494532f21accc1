import PixNerdDiffusion
import PixNerdLayers
import PixNerdTensors

/// An autoencoder that decodes large latents in tiles.
public struct TiledAutoencoder: LatentCodec {
    private let model: Autoencoder
    private let tiles: DecodingTiles

    public init(_ model: Autoencoder, tiles: DecodingTiles) {
        (self.model, self.tiles) = (model, tiles)
    }

    public var latentChannels: Int { model.latentChannels }
    public var grid: LatentGrid { model.grid }

    public func moments(_ pictures: Tensor) -> Tensor { model.moments(pictures) }
    public func decode(_ latents: Tensor) -> Tensor { model.decode(latents, tiles: tiles) }
}
