import Foundation
import PixNerdSupport

/// Measures how many images of a collection one thread reads, decodes and crops per second.
///
/// Goes through the images in order, repeatedly. A warm-up of at most 64 images is not counted. Images that cannot be
/// read are skipped.
///
/// - Parameters:
///   - collection: the images.
///   - imageSize: the size of the crops.
///   - seconds: duration of the measurement, more than 0.
///   - transform: cropping and flipping of the images.
///   - decoding: how files are decoded, and to which pixels.
/// - Returns: images per second of one thread.
/// - Throws: `PixNerdError` if one of the warm-up images cannot be read.
public func measureLoading(
    collection: ImageCollection, imageSize: ImageSize, seconds: Double, transform: ImageTransform = ImageTransform(),
    decoding: PictureDecoding = PictureDecoding()
) throws -> Double {
    precondition(imageSize.area > 0 && seconds > 0, "measureLoading: \(imageSize) pixels for \(seconds) s")
    let reader = PictureReader(decoding)
    let output = UnsafeMutableRawPointer.allocate(
        byteCount: imageSize.area * decoding.format.loadedSize, alignment: 64)
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
