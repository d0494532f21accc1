/// The channels of images [B, C, H, W] followed by those of others [B, K, H, W]: [B, C + K, H, W]; without a gradient.
public func joinedChannels(_ image: Tensor, _ other: Tensor) -> Tensor {
    precondition(
        image.shape.count == 4 && other.shape.count == 4 && image.shape[0] == other.shape[0]
            && image.shape[2...] == other.shape[2...],
        "joinedChannels: \(image.shape) and \(other.shape) are not images of one size")
    let (batch, own, others) = (image.shape[0], image.count / image.shape[0], other.count / image.shape[0])
    let out = Tensor(uninitialized: [batch, image.shape[1] + other.shape[1]] + image.shape[2...])
    for index in 0..<batch {
        let target = out.storage.pointer + index * (own + others)
        target.update(from: image.pointer + index * own, count: own)
        (target + own).update(from: other.pointer + index * others, count: others)
    }
    return out
}
