import Foundation

/// How many pictures of a collection one thread reads, decodes and cuts to squares in a second.
///
/// Goes through the pictures in order, over and over; a first round of at most 64 pictures is not counted. Pictures that
/// cannot be read are passed over.
///
/// - Parameters:
///   - collection: the pictures.
///   - imageSize: the side of the squares in pixels, at least 1.
///   - seconds: for how long to measure; more than 0.
///   - transform: how squares are cut.
///   - fastDecode: as in `BatchLoader`.
/// - Returns: pictures per second of one thread.
/// - Throws: `PixNerdError` when the first pictures cannot be read.
public func measureLoading(
    collection: ImageCollection, imageSize: Int, seconds: Double, transform: ImageTransform = ImageTransform(),
    fastDecode: Bool = false
) throws -> Double {
    precondition(imageSize > 0 && seconds > 0, "measureLoading: \(imageSize) pixels for \(seconds) s")
    let reader = PictureReader(fastDecode: fastDecode)
    let output = UnsafeMutablePointer<UInt8>.allocate(capacity: imageSize * imageSize * 3)
    defer { output.deallocate() }
    func read(_ index: Int, epoch: Int) throws {
        try reader.read(
            collection.samples[index], transform: transform, size: imageSize,
            random: ImageTransform.stream(seed: 0, epoch: epoch, index: index), into: output)
    }
    for index in collection.samples.indices.prefix(64) { try read(index, epoch: 0) }
    let start = ContinuousClock.now
    var count = 0
    var number = 0
    while true {
        let (epoch, index) = number.quotientAndRemainder(dividingBy: collection.samples.count)
        number += 1
        if (try? read(index, epoch: epoch)) != nil { count += 1 }
        let elapsed = (ContinuousClock.now - start) / .seconds(1)
        if elapsed >= seconds { return Double(count) / elapsed }
    }
}
