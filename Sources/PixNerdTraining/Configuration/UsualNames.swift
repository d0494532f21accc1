/// Names that other programs use for configuration keys, to suggest a key for an unknown one.
package enum UsualNames {
    private static let keys: [String: String] = [
        "lr": "training.learning_rate",
        "bs": "training.batch_size", "batch": "training.batch_size",
        "epochs": "training.steps", "epoch": "training.steps", "iterations": "training.steps",
        "iters": "training.steps",
        "max_steps": "training.steps", "num_steps": "training.steps", "max_iters": "training.steps",
        "wd": "training.weight_decay",
        "ema": "training.ema_decay",
        "warmup": "training.warmup_steps",
        "clip": "training.gradient_clip", "grad_clip": "training.gradient_clip",
        "max_grad_norm": "training.gradient_clip",
        "cfg_dropout": "training.label_dropout", "class_dropout_prob": "training.label_dropout",
        "gradient_accumulation_steps": "training.accumulate", "gradient_checkpointing": "training.recompute",
        "cfg": "sampling.guidance", "cfg_scale": "sampling.guidance", "guidance_scale": "sampling.guidance",
        "data": "data.root", "dataset": "data.root", "data_dir": "data.root", "data_path": "data.root",
        "resolution": "data.image_size", "size": "data.image_size",
        "num_workers": "data.workers",
        "val_split": "data.holdout", "validation_split": "data.holdout", "val_every": "training.holdout_every",
        "patch": "model.patch_size",
        "dim": "model.hidden_size", "width": "model.hidden_size", "hidden_dim": "model.hidden_size",
        "depth": "model.num_blocks", "layers": "model.num_blocks", "num_layers": "model.num_blocks",
        "heads": "model.num_groups", "num_heads": "model.num_groups",
        "mixed_precision": "precision", "dtype": "precision", "amp": "precision",
        "output_dir": "directory", "outdir": "directory",
    ]

    /// The key that another program's name stands for, in any section.
    package static func key(of name: String) -> String? {
        keys[(name.split(separator: ".").last.map(String.init) ?? name).lowercased()]
    }

    /// The key that an option such as `--lr`, `--batch-size` or `--training.steps` probably refers to.
    package static func key(ofOption option: String) -> String? {
        let name = option.drop { $0 == "-" }.prefix { $0 != "=" }.replacing("-", with: "_")
        let known = Configuration.keys.map(\.name)
        return known.first { $0 == name } ?? known.first { $0.hasSuffix(".\(name)") } ?? key(of: String(name))
    }
}
