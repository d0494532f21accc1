import PixNerdSupport

/// Keys of what is measured while a model trains.
extension Configuration {
    static let measureKeys: [ConfigurationKey<Configuration>] = [
        .count(
            "training.holdout_every", \.training.holdoutEvery, 0...SizeLimits.trainingSteps,
            "steps between measurements of the held-out loss (see data.holdout); 0 for none"
        ).harmless(),
        .count(
            "training.holdout_images", \.training.holdoutImages, 1...1 << 16,
            "number of noisy held-out images that the loss is measured on, and as many that are trained on"
        ).harmless(),
        .count(
            "training.distance_every", \.training.distanceEvery, 0...SizeLimits.trainingSteps,
            "steps between measurements of samples against real images, held-out ones where there are some; 0 for none"
        ).harmless(),
        .count(
            "training.distance_images", \.training.distanceImages, 2...1 << 16,
            "number of samples that are measured against twice as many real images"
        ).harmless(),
        .path(
            "training.distance_weights", \.training.distanceWeights,
            "weights of Inception-v3 for FID; empty for measures of pixels alone"
        ).harmless(),
    ]
}
