"""The kinds of hostile runs: each changes a copy of good inputs and returns the command that reads them."""

import base64
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import zipfile

import inputs

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FIXTURES = ROOT / "Tests" / "Fixtures"
CONFIGURATION = """name: tiny
directory: runs
seed: 3
model:
  hidden_size: 16
  num_groups: 2
  num_blocks: 3
  num_cond_blocks: 2
  hidden_size_x: 8
data:
  root: shapes
  image_size: 16
training:
  steps: 2
  batch_size: 4
  learning_rate: 1.0e-3
  log_every: 1
  save_every: 1
  preview_every: 0
"""
# A text model; its data, its encoder and its cache are made by the workbench.
WORDS = CONFIGURATION.replace("name: tiny", "name: words").replace("root: shapes", "root: captioned/train").replace(
    "  hidden_size_x: 8", "  hidden_size_x: 8\n  num_text_blocks: 1") + """text:
  encoder: qwen3
  length: 8
"""


def field(number, data):
    """A field of a Protocol Buffers message whose value is bytes."""
    size, length = len(data), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + data


class Workbench:
    """Good inputs, made once: a data set, a run, a shard, samples; each run works on a copy."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        (folder / "tiny.yaml").write_text(CONFIGURATION)
        self.run("dataset", "shapes", "--out", "shapes", "--per-class", "1", "--size", "16")
        self.run("train", "tiny.yaml")
        self.run("sample", "runs/tiny", "--steps", "1", "--per-class", "1", "--out", "a.npz")
        shutil.copytree(FIXTURES / "autoencoder" / "sd", folder / "vae")
        shutil.copytree(FIXTURES / "t2i" / "qwen3", folder / "qwen3")
        self.prepare_texts()
        self.prepare_published()
        with tarfile.open(folder / "t.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
            for number, image in enumerate(sorted((folder / "shapes").rglob("*.png"))):
                shard.add(image, f"{number}.png")
                (folder / "cls").write_text(str(number % 2))
                shard.add(folder / "cls", f"{number}.cls")
        os.remove(folder / "cls")
        self.prepare_layouts()
        for source, name in [
            ("pixnerd/tiny-checkpoint.safetensors", "m.safetensors"), ("torch/lightning.ckpt", "m.ckpt"), ("dit/tiny.pt", "d.pt"),
            ("torch/before-1.6.pt", "old.pt"), ("dinov2/hub.pth", "e.pth"), ("images/colour420.jpg", "i.jpg"),
            ("pixnerd/tiny-reference-8x8.safetensors", "r.safetensors"),
        ]:
            shutil.copy(FIXTURES / source, folder / name)
        listed = subprocess.run([program, "train", "--list-keys"], capture_output=True, text=True, check=True).stdout
        self.keys = [line.split()[0] for line in listed.splitlines() if line and not line.startswith(" ")]
        self.options = {
            command: re.findall(
                r"^ {2}(--[a-z][\w-]*)", subprocess.run([program, *command.split(), "--help"], capture_output=True, text=True).stdout, re.M)
            for command in BASES
        }

    def prepare_published(self):
        """A pipeline of PixArt with a T5 in both forms of tokenizer, bare files, and a MiniT2I."""
        folder, fixtures = self.folder, FIXTURES / "pixart"
        pipeline = folder / "pipeline"
        shutil.copytree(fixtures / "alpha-1024-ms", pipeline / "transformer")
        shutil.copytree(FIXTURES / "autoencoder" / "sd", pipeline / "vae")
        (pipeline / "model_index.json").write_text('{"_class_name": "PixArtAlphaPipeline"}')
        small = FIXTURES / "t5" / "plain"
        (pipeline / "text_encoder").mkdir()
        (pipeline / "tokenizer").mkdir()
        for name in ["config.json", "model.safetensors"]:
            shutil.copy(small / name, pipeline / "text_encoder" / name)
        # The map of characters is stored once for all tokenizers; both forms hold it.
        characters = (FIXTURES / "t5" / "characters.bin").read_bytes()
        (pipeline / "tokenizer" / "spiece.model").write_bytes(
            (small / "pieces.model").read_bytes() + field(3, field(1, b"nmt_nfkc") + field(2, characters)))
        shutil.copytree(pipeline / "text_encoder", folder / "t5")
        text = (small / "pieces.json").read_text()
        (folder / "t5" / "tokenizer.json").write_text(text.replace('"@"', f'"{base64.b64encode(characters).decode()}"'))
        shutil.copy(fixtures / "sigma-256.pth", folder / "sigma.pth")
        shutil.copytree(FIXTURES / "minit2i" / "minit2i-b", folder / "minit2i")
        self.run("encode", "prompts", "pipeline", "--prompt", "a cat", "--prompt", "", "--length", "120", "--out", "rows")

    def prepare_layouts(self):
        """Flat folders with each kind of labels, and an archive as EDM makes it."""
        folder = self.folder
        images = sorted((folder / "shapes").rglob("*.png"))
        for name in ["list", "lines", "cells"]:
            (folder / name).mkdir()
            for number, image in enumerate(images):
                shutil.copy(image, folder / name / f"{number}.png")
        pairs = [[f"{number}.png", number % 3] for number in range(len(images))]
        listed = inputs.json.dumps({"labels": pairs})
        (folder / "list" / "dataset.json").write_text(listed)
        lines = [inputs.json.dumps({"file_name": name, "label": f"class {label}"}) for name, label in pairs]
        (folder / "lines" / "metadata.jsonl").write_text("\n".join(lines) + "\n")
        (folder / "cells" / "metadata.csv").write_text("file_name,label\n" + "".join(f"{name},{label}\n" for name, label in pairs))
        with zipfile.ZipFile(folder / "z.zip", "w") as archive:
            for number, image in enumerate(images):
                archive.write(image, f"{number}.png")
            archive.writestr("dataset.json", listed)

    def prepare_texts(self):
        """Captions in files and in a table, an encoder in shards, a cache, a run and a published checkpoint."""
        folder = self.folder
        (folder / "words.yaml").write_text(WORDS)
        self.run("dataset", "shapes", "--captions", "--out", "captioned", "--count", "6", "--size", "16", "--hold-out", "none")
        shutil.copytree(folder / "captioned", folder / "table")
        lines = []
        for text in sorted((folder / "table" / "train").glob("*.txt")):
            lines.append(inputs.json.dumps({"file_name": text.with_suffix(".png").name, "text": text.read_text().strip()}))
            text.unlink()
        (folder / "table" / "train" / "metadata.jsonl").write_text("\n".join(lines) + "\n")
        self.run("encode", "text", "qwen3", "captioned/train", "--length", "8", "--out", "text")
        self.run("train", "words.yaml")
        shutil.copy(FIXTURES / "t2i" / "model.ckpt", folder / "w.ckpt")
        (folder / "prompts.txt").write_text("a red ring\ntwo cats\n")
        (folder / "geneval.jsonl").write_text('{"tag": "counting", "prompt": "two cats"}\n{"prompt": "a bench"}\n')
        (folder / "dpg").mkdir()
        (folder / "dpg" / "a.txt").write_text("a long prompt\n")
        shutil.copytree(folder / "qwen3", folder / "sharded")
        data = (folder / "sharded" / "model.safetensors").read_bytes()
        (folder / "sharded" / "model.safetensors").rename(folder / "sharded" / "model-00001-of-00001.safetensors")
        names = [name for name in inputs.header(data) if name != "__metadata__"]
        index = {"metadata": {}, "weight_map": {name: "model-00001-of-00001.safetensors" for name in names}}
        (folder / "sharded" / "model.safetensors.index.json").write_text(inputs.json.dumps(index))

    def run(self, *arguments):
        subprocess.run([self.program, *arguments], cwd=self.folder, check=True, capture_output=True)


# Good commands, whose options are changed.
BASES = {
    "sample": ["sample", "runs/tiny", "--steps", "1", "--seeds", "1", "--out", "o.png"],
    "evaluate": ["evaluate", "shapes", "a.npz", "--bootstrap", "2", "--size", "16"],
    "info": ["info", "m.safetensors"],
    "verify": ["verify", "m.safetensors", "r.safetensors"],
    "convert": ["convert", "runs/tiny", "c.safetensors"],
    "vae check": ["vae", "check", "vae", "shapes", "--size", "16", "--count", "2"],
    "vae compare": ["vae", "compare", "vae", "--", "shapes"],
    "encode latents": ["encode", "latents", "vae", "shapes", "--out", "latents", "--size", "16"],
    "encode features": ["encode", "features", "e.pth", "shapes", "--heads", "3", "--out", "features", "--size", "16"],
    "dataset shapes": ["dataset", "shapes", "--out", "more", "--per-class", "1", "--size", "16"],
    "dataset inspect": ["dataset", "inspect", "shapes"],
    "tokenize": ["tokenize", "qwen3", "a red square", "--length", "4"],
    "train": ["train", "tiny.yaml", "--set", "name=other"],
    "encode text": ["encode", "text", "qwen3", "captioned/train", "--length", "8", "--out", "rows"],
    "text-encoder init": ["text-encoder", "init", "made", "--hidden-size", "16", "--layers", "1"],
    "detect-empty-prompt": ["detect-empty-prompt", "runs/words", "captioned/train", "--count", "2"],
    "dataset judge-shapes": ["dataset", "judge-shapes", "captioned/train"],
    "average": ["average", "runs/tiny", "--length", "0.1"],
    "tune": ["tune", "runs/tiny", "--samples", "8", "--guidance", "1", "--interval", "0,1", "--sampler", "euler"],
    "distill": ["distill", "runs/tiny", "--steps", "1"],
}


def change(path, how, random):
    data = path.read_bytes()
    changed = how(random, data)
    path.unlink()
    path.write_bytes(changed)


def one_of_keys(bench, folder, random):
    arguments = ["train", "tiny.yaml", "--set", "name=other"]
    for _ in range(random.choice([1, 1, 2, 3])):
        arguments += ["--set", f"{random.choice(bench.keys)}={inputs.value(random)}"]
    return arguments


def one_of_options(bench, folder, random):
    command = random.choice(list(BASES))
    arguments = list(BASES[command])
    if random.random() < 0.15:
        arguments[random.randrange(len(command.split()), len(arguments))] = inputs.value(random)
    for _ in range(random.choice([1, 1, 2])):
        arguments += [random.choice(bench.options[command] or ["--help"])]
        if random.random() < 0.85:
            arguments += [inputs.value(random)]
    return arguments


def one_safetensors(bench, folder, random):
    change(folder / "m.safetensors", inputs.safetensors, random)
    return random.choice([
        ["info", "m.safetensors"], ["sample", "m.safetensors", "--size", "16", "--steps", "1", "--seeds", "1", "--out", "o.png"],
        ["convert", "m.safetensors", "c.safetensors"], ["verify", "m.safetensors", "r.safetensors"],
    ])


def one_reference(bench, folder, random):
    change(folder / "r.safetensors", inputs.safetensors, random)
    return ["verify", "m.safetensors", "r.safetensors"]


def one_torch(bench, folder, random):
    name = random.choice(["m.ckpt", "d.pt", "old.pt", "e.pth"])
    change(folder / name, inputs.changed_bytes if name == "old.pt" else inputs.zipped, random)
    return random.choice([
        ["info", name], ["convert", name, "c.safetensors"],
        ["sample", name, "--size", "16", "--steps", "1", "--seeds", "1", "--vae", "vae", "--out", "o.png"],
        ["encode", "features", name, "shapes", "--heads", "3", "--out", "f", "--size", "16"],
    ])


def one_npz(bench, folder, random):
    change(folder / "a.npz", inputs.zipped, random)
    return ["evaluate", "shapes", "a.npz", "--bootstrap", "0", "--size", "16"]


def one_tar(bench, folder, random):
    change(folder / "t.tar", inputs.tar, random)
    return random.choice([
        ["dataset", "inspect", "t.tar"], ["train", "tiny.yaml", "--set", "name=other", "--set", "data.root=t.tar"],
        ["evaluate", "t.tar", "t.tar", "--bootstrap", "0", "--size", "16"],
    ])


def commands_of_data(root, random):
    """Commands that read the images of a root."""
    labels = random.choice([[], [], [], ["folders"], ["none"], ["dataset.json"], ["metadata.csv"], [inputs.value(random)]])
    key = [inputs.value(random)] if random.random() < 0.1 else []
    return random.choice([
        ["dataset", "inspect", root] + [part for name in labels for part in ["--labels", name]]
        + [part for name in key for part in ["--label-key", name]],
        ["train", "tiny.yaml", "--set", "name=other", "--set", f"data.root={root}"]
        + [part for name in labels for part in ["--set", f"data.labels={name}"]]
        + [part for name in key for part in ["--set", f"data.label_key={name}"]],
    ])


def one_zip(bench, folder, random):
    data = (folder / "z.zip").read_bytes()
    if random.random() < 0.4:
        # The directory, which says where everything is.
        start = data.rindex(b"PK\x01\x02", 0, len(data)) if random.random() < 0.5 else data.index(b"PK\x01\x02")
        changed = data[:start] + inputs.changed_bytes(random, data[start:])
    else:
        changed = inputs.zipped(random, data)
    (folder / "z.zip").unlink()
    (folder / "z.zip").write_bytes(changed)
    if random.random() < 0.2:
        return ["evaluate", "z.zip", "z.zip", "--bootstrap", "0", "--size", "16"]
    return commands_of_data("z.zip", random)


def one_labels(bench, folder, random):
    name, file = random.choice([("list", "dataset.json"), ("lines", "metadata.jsonl"), ("cells", "metadata.csv")])
    path = folder / name / file
    kind = random.random()
    if file == "dataset.json" and kind < 0.7:
        path.write_text(inputs.json.dumps(inputs.changed_json(random, inputs.json.loads(path.read_text()))))
    elif kind < 0.6:
        lines = path.read_text().splitlines()
        place = random.randrange(len(lines))
        if file == "metadata.jsonl":
            lines[place] = inputs.json.dumps(inputs.changed_json(random, inputs.json.loads(lines[place])))
        else:
            cells = lines[place].split(",")
            cells[random.randrange(2)] = inputs.value(random)
            lines[place] = ",".join(cells)
        path.write_text("\n".join(lines), errors="replace")
    else:
        change(path, inputs.changed_bytes, random)
    return commands_of_data(name, random)


def one_image(bench, folder, random):
    image = random.choice(sorted((folder / "shapes").rglob("*.png")))
    if random.random() < 0.4:
        image.unlink()
        image = image.with_suffix(".jpg")
        shutil.copy(folder / "i.jpg", image)
        change(image, inputs.changed_bytes, random)
    else:
        change(image, inputs.png, random)
    return random.choice([
        ["dataset", "inspect", "shapes"], ["train", "tiny.yaml", "--set", "name=other"],
        ["evaluate", "shapes", "a.npz", "--bootstrap", "0", "--size", "16"],
    ])


def one_stored_image(bench, folder, random):
    """An image of another format than PNG and JPEG, or of more channels or bits, changed or not."""
    files = [file for file in (FIXTURES / "stored").iterdir() if file.suffix in (".tif", ".webp", ".bmp", ".npy", ".png")]
    images = folder / "stored" / "a"
    images.mkdir(parents=True)
    for number in range(random.choice([1, 2, 3])):
        source = random.choice(sorted(files))
        image = images / f"{number}{source.suffix}"
        shutil.copy(source, image)
        if random.random() < 0.8:
            change(image, inputs.npy if source.suffix == ".npy" else inputs.changed_bytes, random)
    settings = ["--set", f"data.channels={random.choice(['auto', 'auto', 'grey', 'rgb', 'rgba', '2', '7'])}"]
    settings += ["--set", "data.range=0,200"] if random.random() < 0.3 else []
    return random.choice([
        ["dataset", "inspect", "stored"], ["train", "tiny.yaml", "--set", "name=other", "--set", "data.root=stored", *settings],
        ["evaluate", "stored", "stored", "--bootstrap", "0", "--size", "16", "--range", "0,255"],
    ])


def one_yaml(bench, folder, random):
    text = inputs.yaml(random, CONFIGURATION.replace("name: tiny", "name: other"))
    (folder / "tiny.yaml").write_text(text, errors="replace")
    return ["train", "tiny.yaml"]


def one_run(bench, folder, random):
    run = folder / "runs" / "tiny"
    path = random.choice([path for path in sorted(run.rglob("*")) if path.is_file() and not path.is_symlink()])
    if path.suffix == ".json" and random.random() < 0.8:
        changed = inputs.changed_json(random, inputs.json.loads(path.read_text()))
        path.unlink()
        path.write_text(inputs.json.dumps(changed))
    elif path.suffix == ".safetensors":
        change(path, inputs.safetensors, random)
    else:
        change(path, inputs.changed_bytes, random)
    return random.choice([
        ["train", "tiny.yaml", "--resume", "--set", "training.steps=3"], ["info", "runs/tiny"],
        ["sample", "runs/tiny", "--steps", "1", "--seeds", "1", "--out", "o.png"],
    ])


def one_autoencoder(bench, folder, random):
    config = folder / "vae" / "config.json"
    changed = inputs.changed_json(random, inputs.json.loads(config.read_text()))
    config.write_text(inputs.json.dumps(changed))
    return random.choice([
        ["info", "vae"], ["vae", "check", "vae", "shapes", "--size", "16", "--count", "2"],
        ["encode", "latents", "vae", "shapes", "--out", "latents", "--size", "16"],
    ])


def one_tokenizer(bench, folder, random):
    path = folder / "qwen3" / random.choice(["tokenizer.json", "tokenizer.json", "tokenizer_config.json"])
    if random.random() < 0.6:
        changed = inputs.changed_json(random, inputs.json.loads(path.read_text()))
        path.unlink()
        path.write_text(inputs.json.dumps(changed))
    else:
        change(path, inputs.changed_bytes, random)
    return ["tokenize", "qwen3", "a red square<|endoftext|>"]


def changed_file(path, random):
    """Changes a file as its kind allows: JSON by its parts, safetensors by its header, others by their bytes."""
    if path.suffix == ".json" and random.random() < 0.7:
        changed = inputs.changed_json(random, inputs.json.loads(path.read_text()))
        path.unlink()
        path.write_text(inputs.json.dumps(changed))
    else:
        change(path, inputs.safetensors if path.suffix == ".safetensors" else inputs.changed_bytes, random)


def one_text_encoder(bench, folder, random):
    encoder = random.choice(["qwen3", "sharded"])
    path = random.choice(sorted((folder / encoder).iterdir()))
    if random.random() < 0.1:
        path.unlink()
    else:
        changed_file(path, random)
    return random.choice([
        ["info", encoder], ["encode", "text", encoder, "captioned/train", "--length", "8", "--out", "rows"],
        ["sample", "w.ckpt", "--text-encoder", encoder, "--prompt", "a red ring", "--size", "16", "--steps", "1", "--seeds", "1", "--out", "o.png"],
        ["train", "words.yaml", "--set", "name=other", "--set", f"text.encoder={encoder}"],
        ["verify", encoder, str(FIXTURES / "t2i" / "text.safetensors")],
    ])


def one_caption(bench, folder, random):
    root = random.choice(["captioned/train", "table/train"])
    texts = [path for path in sorted((folder / root).iterdir()) if path.suffix != ".png"]
    path = random.choice(texts)
    kind = random.random()
    if path.suffix == ".jsonl" and kind < 0.6:
        lines = path.read_text().splitlines()
        place = random.randrange(len(lines))
        lines[place] = inputs.json.dumps(inputs.changed_json(random, inputs.json.loads(lines[place])))
        path.write_text("\n".join(lines))
    elif kind < 0.7:
        path.write_text(inputs.value(random) * random.choice([1, 1, 400]), errors="replace")
    else:
        change(path, inputs.changed_bytes, random)
    return random.choice([
        ["train", "words.yaml", "--set", "name=other", "--set", f"data.root={root}"],
        ["train", "words.yaml", "--set", "name=other", "--set", f"data.root={root}", "--set", "text.encoder=", "--set", "text.cache=text"],
        ["encode", "text", "qwen3", root, "--length", "8", "--out", "rows"], ["dataset", "inspect", root, "--captions"],
        ["dataset", "inspect", root, "--text-encoder", "qwen3"],
        ["text-encoder", "init", "made", "--captions", root, "--hidden-size", "16", "--layers", "1"],
        ["dataset", "judge-shapes", root],
    ])


def one_text_cache(bench, folder, random):
    changed_file(random.choice(sorted((folder / "text").glob("*.*"))), random)
    return random.choice([
        ["train", "words.yaml", "--set", "name=other", "--set", "text.encoder=", "--set", "text.cache=text"],
        ["train", "words.yaml", "--set", "name=other", "--set", "text.cache=text"],
        ["encode", "text", "qwen3", "captioned/train", "--length", "8", "--out", "text"],
    ])


def one_prompt(bench, folder, random):
    sample = ["sample", "w.ckpt", "--text-encoder", "qwen3", "--size", "16", "--steps", "1", "--seeds", "0,1,2,3", "--out", "o"]
    name, given = random.choice([
        ("prompts.txt", ["--prompts", "prompts.txt"]), ("geneval.jsonl", ["--prompts", "geneval.jsonl", "--layout", "geneval"]),
        ("dpg/a.txt", ["--prompts", "dpg", "--layout", "dpg"]),
    ])
    if random.random() < 0.25:
        return sample + ["--prompt", inputs.value(random), "--negative-prompt", inputs.value(random)]
    change(folder / name, inputs.changed_bytes, random)
    return sample + given


def one_text_run(bench, folder, random):
    run = folder / "runs" / "words"
    paths = [path for path in sorted(run.rglob("*")) if path.is_file() and not path.is_symlink()]
    changed_file(random.choice(paths + [folder / "w.ckpt"]), random)
    return random.choice([
        ["train", "words.yaml", "--resume", "--set", "training.steps=3"], ["info", "runs/words"], ["info", "w.ckpt"],
        ["sample", "runs/words", "--prompt", "a red ring", "--steps", "1", "--seeds", "1", "--out", "o.png"],
        ["detect-empty-prompt", "runs/words", "captioned/train", "--count", "2"],
        ["sample", "w.ckpt", "--text-encoder", "qwen3", "--prompt", "a", "--size", "16", "--steps", "1", "--seeds", "1", "--out", "o.png"],
    ])


def one_published(bench, folder, random):
    """A published text model, its tokenizer, its configuration, or rows that were encoded ahead."""
    root = random.choice(["pipeline", "pipeline", "t5", "minit2i", "rows", "sigma.pth"])
    paths = [folder / root] if root == "sigma.pth" else [path for path in sorted((folder / root).rglob("*")) if path.is_file()]
    path = random.choice(paths)
    if random.random() < 0.08 and root != "sigma.pth":
        path.unlink()
    elif root == "sigma.pth":
        change(path, inputs.zipped if random.random() < 0.6 else inputs.changed_bytes, random)
    else:
        changed_file(path, random)
    rest = ["--size", random.choice(["16", "16x24", "8", "64"]), "--steps", random.choice(["1", "2"]), "--seeds", "1", "--out", "o.png"]
    reference = str(FIXTURES / "pixart" / random.choice(["samples", "training", "sigma-256_wide"])) + ".safetensors"
    return random.choice({
        "pipeline": [
            ["sample", "pipeline", "--prompt", inputs.value(random)] + rest, ["info", "pipeline"], ["info", "pipeline/transformer"],
            ["verify", "pipeline", str(FIXTURES / "pixart" / "alpha-1024-ms_wide.safetensors")],
            ["tokenize", "pipeline", inputs.value(random)]],
        "t5": [["tokenize", "t5", inputs.value(random)], ["info", "t5"], ["encode", "prompts", "t5", "--prompt", "a", "--out", "made"]],
        "minit2i": [
            ["info", "minit2i"], ["sample", "minit2i", "--text-encoder", "t5", "--prompt", "a"] + rest,
            ["verify", "minit2i", str(FIXTURES / "minit2i" / "forward-b_32x32.safetensors")]],
        "rows": [["sample", "pipeline", "--text-encoder", "rows", "--prompt", "a cat"] + rest],
        "sigma.pth": [["info", "sigma.pth"], ["verify", "sigma.pth", reference, "--heads", random.choice(["2", "1", "5"])]],
    }[root])


KINDS = {
    "keys": one_of_keys, "options": one_of_options, "safetensors": one_safetensors, "reference": one_reference,
    "torch": one_torch, "npz": one_npz, "tar": one_tar, "image": one_image, "stored image": one_stored_image, "yaml": one_yaml, "run": one_run,
    "vae": one_autoencoder, "tokenizer": one_tokenizer, "text encoder": one_text_encoder, "caption": one_caption,
    "zip": one_zip, "labels": one_labels,
    "text cache": one_text_cache, "prompt": one_prompt, "text run": one_text_run,
    "published": one_published,
}
