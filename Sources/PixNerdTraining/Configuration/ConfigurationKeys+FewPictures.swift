import PixNerdSupport

extension Configuration {
    /// What of a model is trained.
    static let trainedPartKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "training.train", \.training.train,
            "what is trained: all, lora (low-rank products, see lora.rank, and new classes), or rows (new classes alone)"
        ),
        ConfigurationKey(
            "training.freeze", \.training.freeze,
            "names of weights that are not trained, such as [blocks.0, y_embedder]; * stands for any text",
            limits: "without empty ones, or an empty list"
        ) { !$0.contains("") },
    ]

    /// Beginning with a checkpoint, adapters, and learning a class from few pictures.
    static let fewPicturesKeys: [ConfigurationKey<Configuration>] = [
        ConfigurationKey(
            "start.weights", \.start.weights, "weights of from: ema, raw, or auto (ema if there are some)"
        ).harmless(),
        ConfigurationKey(
            "start.classes", \.start.classes,
            "classes of from: extend (all stay, those of the images come behind), replace (only those of the images stay), or "
                + "auto (extend if some have the same names)"
        ).harmless(),
        ConfigurationKey(
            "start.like", \.start.like, "class of from that new classes begin as; empty for the mean of all"
        ).harmless(),
        .count("lora.rank", \.lora.rank, 1...SizeLimits.width, "rank of the products"),
        .number("lora.alpha", \.lora.alpha, in: 1e-6...1e6, "the products are multiplied by alpha / rank"),
        .number(
            "lora.dropout", \.lora.dropout, in: 0...0.9,
            "fraction of the inputs of the products that a step drops"),
        ConfigurationKey(
            "lora.targets", \.lora.targets,
            "names of matrices, such as [attn.qkv, mlp]; empty for those of the transformer blocks",
            limits: "without empty ones, or an empty list"
        ) { !$0.contains("") },
        ConfigurationKey(
            "subject.class", \.subject.className,
            "class whose images are half of each batch, and the others the other half; empty for none"),
        .number(
            "subject.prior_weight", \.subject.priorWeight, in: 0...1e6,
            "weight of the mean loss of the others beside that of subject.class"),
    ]
}
