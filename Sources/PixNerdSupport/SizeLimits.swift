import Foundation

/// Upper bounds of numbers that come from files, configurations and options.
///
/// Each is larger than anything a machine can work with, and small enough that memory and costs can be estimated, and
/// refused, before anything is allocated.
package enum SizeLimits {
    /// Side of an image in pixels: a square of this side has as many pixels as an image may have.
    package static let side = 1 << 14
    /// Width of a layer: channels, tokens or heads.
    package static let width = 1 << 16
    /// Number of blocks of a model.
    package static let blocks = 1 << 10
    /// Number of residual blocks in a level of an autoencoder.
    package static let blocksPerLevel = 1 << 6
    /// Side of a patch.
    package static let patch = 1 << 12
    /// Channels of data that is encoded or diffused.
    package static let channels = 1 << 12
    /// Width of a neural field.
    package static let fieldWidth = 1 << 12
    /// Inner width of a field block relative to its width.
    package static let ratio = 1 << 6
    package static let classes = 10_000_000
    /// Number of values that a model is told of each image.
    package static let values = 64
    /// Number of different tokens of a text.
    package static let tokens = 10_000_000
    /// Number of rows of a text, with those of padding.
    package static let textLength = 1 << 14
    /// Number of images in one batch.
    package static let batch = 1 << 20
    /// Number of images in all.
    package static let images = 10_000_000
    /// Number of optimizer steps.
    package static let trainingSteps = 1_000_000_000
    /// Number of steps of a sampler.
    package static let samplingSteps = 1_000_000
    /// Number of repetitions of a measurement.
    package static let repeats = 1_000_000
    /// Memory for decoded images in megabytes.
    package static let megabytes = 1 << 20
    /// Number of threads that a configuration may ask for on any machine.
    package static let threads = 1 << 10

    /// Number of threads that is useful on this machine: 64, or four for each processor if that is more.
    package static var threadsHere: Int { max(64, 4 * ProcessInfo.processInfo.activeProcessorCount) }
}
