extension Setting {
    /// Permission to overwrite files that exist.
    public static let overwrite = Setting(rawValue: "overwrites")
    /// The path that results are written to.
    public static let output = Setting(rawValue: "output")
    /// Permission to continue an existing run.
    public static let resume = Setting(rawValue: "resume")
    /// The path of an autoencoder.
    public static let autoencoder = Setting(rawValue: "autoencoder")
    /// Permission to decode with an autoencoder other than the one that the model was trained with.
    public static let otherAutoencoder = Setting(rawValue: "allowsOtherAutoencoder")
    /// Height and width of images in pixels.
    public static let size = Setting(rawValue: "size")
    /// The number of attention heads of an encoder.
    public static let heads = Setting(rawValue: "heads")
    /// The side in pixels of the patches that an encoder sees.
    public static let basePatch = Setting(rawValue: "basePatch")
    /// The block whose tokens are aligned with an encoder's features.
    public static let alignedLayer = Setting(rawValue: "layer")
    /// The path of a network's weights.
    public static let weights = Setting(rawValue: "weights")
    /// Assignments that override configuration values, such as `training.steps=500`.
    public static let overrides = Setting(rawValue: "overrides")
    /// The classes to sample.
    public static let classes = Setting(rawValue: "classes")
    /// The texts to sample.
    public static let prompt = Setting(rawValue: "prompt")
    /// The range of values that images are measured in.
    public static let range = Setting(rawValue: "range")
    /// Where the steps of a diffusion model lie.
    public static let timeGrid = Setting(rawValue: "grid")
    /// The diffusion step that sampling begins at.
    public static let firstStep = Setting(rawValue: "firstStep")
    /// Number of sampling steps.
    public static let steps = Setting(rawValue: "samplingSteps")
    /// Length of the last sampling step.
    public static let lastStep = Setting(rawValue: "lastStep")
    /// The text whose content images shall not have.
    public static let negativePrompt = Setting(rawValue: "negativePrompt")
    /// The directory of a text encoder.
    public static let textEncoder = Setting(rawValue: "textEncoder")
    /// Permission to use a text encoder other than the one that the model was trained with.
    public static let otherTextEncoder = Setting(rawValue: "allowsOtherTextEncoder")
    /// What the rows of an empty prompt attend to.
    public static let emptyPrompt = Setting(rawValue: "emptyPrompt")
    /// The seeds to sample.
    public static let seeds = Setting(rawValue: "seeds")
    /// The file that the denoising trajectory is saved to.
    public static let trajectory = Setting(rawValue: "trajectory")
    /// The file that previews are saved to.
    public static let preview = Setting(rawValue: "preview")
    /// The method by which a model samples at a size other than the one it was trained at.
    public static let route = Setting(rawValue: "route")
    /// The scale of guidance.
    public static let guidance = Setting(rawValue: "guidance")
    /// The checkpoint that guidance leads away from.
    public static let guide = Setting(rawValue: "guide")
    /// LoRAs that are merged into a model.
    public static let lora = Setting(rawValue: "loras")
    /// The rule by which the worse velocity enters the guided one.
    public static let guidanceRule = Setting(rawValue: "guidanceRule")
    /// The sampler.
    public static let sampler = Setting(rawValue: "sampler")
    /// The file of the initial noise.
    public static let initialNoise = Setting(rawValue: "initialNoise")
    /// The picture that sampling begins with.
    public static let image = Setting(rawValue: "image")
    /// The part of a picture that is painted anew.
    public static let mask = Setting(rawValue: "mask")
    /// How far a picture is changed.
    public static let strength = Setting(rawValue: "strength")
    /// The number of images between two others.
    public static let interpolation = Setting(rawValue: "interpolation")
    /// The number of first steps that leave the noise as it is.
    public static let zeroSteps = Setting(rawValue: "zeroSteps")
    /// The interval of times in which guidance is applied.
    public static let guidanceInterval = Setting(rawValue: "guidanceInterval")
    /// The smallest distance from data that is divided by.
    public static let floor = Setting(rawValue: "floor")
    /// The timestep shift.
    public static let shift = Setting(rawValue: "shift")
    /// The side in pixels of the tiles that latents are decoded in.
    public static let tile = Setting(rawValue: "tile")
    /// The file of the labels of images, or another source of them.
    public static let labels = Setting(rawValue: "labels")
    /// The columns or keys of the values of images in a table or in JSON.
    public static let valueNames = Setting(rawValue: "valueNames")
    /// The values that images are sampled with.
    public static let values = Setting(rawValue: "values")
    /// The column or key of labels in a table or in JSON.
    public static let labelKey = Setting(rawValue: "labelKey")
    /// The key of captions in JSON, or the column of a table.
    public static let captionKey = Setting(rawValue: "key")
    /// The text that makes captions from the names of classes.
    public static let captionTemplate = Setting(rawValue: "template")
    /// The run or file of a ControlNet.
    public static let controlNet = Setting(rawValue: "controlNet")
    /// Permission to leave out images without a caption.
    public static let skipsUncaptioned = Setting(rawValue: "skipsUncaptioned")
}
