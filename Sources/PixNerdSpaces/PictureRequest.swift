import PixNerdDiffusion

/// A request for one image. Equal requests give equal images, whatever else is sampled with them.
public struct PictureRequest: Sendable, Hashable {
    /// Another image that an image leans to: its noise is mixed with that of another seed, and its velocity with that of
    /// another prompt.
    public struct Blend: Sendable, Hashable {
        public var prompt: Prompt
        public var seed: UInt64
        /// How far the image lies towards the other, 0 to 1.
        public var share: Float

        public init(_ prompt: Prompt, seed: UInt64, share: Float) {
            (self.prompt, self.seed, self.share) = (prompt, seed, share)
        }
    }

    public var prompt: Prompt
    public var seed: UInt64
    /// Which of the images that are drawn one after another from one seed, from 0; only the published noise has more
    /// than one.
    public var draw: Int
    /// The image that this one leans to; nil for none.
    public var blend: Blend?

    public init(_ prompt: Prompt, seed: UInt64, draw: Int = 0, blend: Blend? = nil) {
        (self.prompt, self.seed, self.draw, self.blend) = (prompt, seed, draw, blend)
    }

    /// A request for an image of a class.
    public init(label: Int, seed: UInt64) { self.init(.label(label), seed: seed) }

    /// The request for the image that this one leans to, or for the image itself.
    var other: PictureRequest {
        blend.map { PictureRequest($0.prompt, seed: $0.seed, draw: draw) } ?? self
    }

    /// All prompts that the image needs.
    var prompts: [Prompt] { [prompt] + (blend.map { [$0.prompt] } ?? []) }
}
