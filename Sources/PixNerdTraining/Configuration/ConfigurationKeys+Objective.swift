import PixNerdDiffusion
import PixNerdSupport

extension Configuration {
    /// What a denoiser predicts, at which times, and what its loss consists of.
    static let objectiveKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "training.target", \.training.target,
            "what the network predicts: velocity, picture (JiT), or asymmetric (AsymFlow, see training.noise_rank)"),
        .count(
            "training.noise_rank", \.training.noiseRank, 0...SizeLimits.width,
            "number of dimensions of a patch in which an asymmetric target keeps the noise"),
        .number(
            "training.noise_scale", \.training.noiseScale, in: 1e-3...1e3, "standard deviation of the noise"),
        .number(
            "training.floor", \.training.floor, in: 1e-4...1,
            "smallest 1 - t that the error of a predicted picture is divided by, also in sampling"),
        .number(
            "training.time_mean", \.training.timeMean, in: -10...10,
            "mean of lognormal times before the sigmoid: below 0 nearer to noise, such as -0.8"),
        .number(
            "training.time_std", \.training.timeDeviation, in: 1e-3...10,
            "standard deviation of lognormal times before the sigmoid"),
        ConfigurationKey(
            "training.time_weight", \.training.timeWeight,
            "weight of the loss by time: constant, inverse_sigma, snr, minsnr, maxsnr (as PixNerd's code names them) or "
                + "min_snr (of the paper)"),
        .number(
            "training.frequency_weight", \.training.frequencyWeight, in: nonNegative,
            "weight of a loss by frequency in 8 x 8 blocks, as in JPEG (DeCo); 0 for none"),
        .count(
            "training.frequency_quality", \.training.frequencyQuality, 1...100,
            "JPEG quality whose tables weigh the frequencies"),

        .number(
            "dispersive.weight", \.dispersive.weight, in: nonNegative,
            "weight of a loss that keeps the tokens of a batch's images apart; 0 for none"),
        ConfigurationKey(
            "dispersive.form", \.dispersive.form,
            "paper (all tokens, arXiv 2506.09027), or pixnerd (their mean, as in PixNerd's code)"),
        .count(
            "dispersive.layer", \.dispersive.layer, 1...SizeLimits.blocks,
            "number of the block whose tokens are kept apart, from 1"),
        .number(
            "dispersive.temperature", \.dispersive.temperature, in: 1e-6...1e6,
            "temperature of the distances between tokens"),

        ConfigurationKey(
            "few_steps.method", \.fewSteps.method,
            "for sampling in few steps: none, guidance or split (from a teacher, see pixnerd distill), meanflow or improved "
                + "(from scratch)"),
        .path(
            "few_steps.teacher", \.fewSteps.teacher,
            "teacher of guidance and split: a run, a step in one, or a file; the model begins with its weights"),
        .number(
            "few_steps.guidance_max", \.fewSteps.guidanceMax, in: 0.01...1000,
            "how far above 1 the guidance scales of method guidance go"),
        .number(
            "few_steps.velocity_share", \.fewSteps.velocityShare, in: 0...1,
            "fraction of images that learn the velocity, and not a mean velocity; MeanFlow's is 0.75"),

        ConfigurationKey(
            "control.edges", \.control.edges,
            "trains a ControlNet of the model of from, which stays as it is, on edges of the images: none, canny, soft or "
                + "hed"),
        .path(
            "control.pictures", \.control.pictures,
            "folder of control pictures with the names of the images, instead of edges; they are cropped and flipped alike"
        ),
        .path(
            "control.hed", \.control.network, "network of hed edges, ControlNetHED.pth; empty for the other kinds"),
        .count(
            "control.blocks", \.control.blocks, 0...SizeLimits.blocks,
            "number of transformer blocks that the ControlNet has copies of; 0 for half of them"),
        ConfigurationKey(
            "control.fields", \.control.fields,
            "whether the fields read control pictures, too, so that they are followed pixel by pixel"),
    ]
}
