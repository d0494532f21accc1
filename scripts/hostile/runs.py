"""The kinds of hostile runs: each changes a copy of good inputs and returns the command that reads them."""

import os
import pathlib
import re
import shutil
import subprocess
import tarfile

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
        with tarfile.open(folder / "t.tar", "w", format=tarfile.USTAR_FORMAT) as shard:
            for number, image in enumerate(sorted((folder / "shapes").rglob("*.png"))):
                shard.add(image, f"{number}.png")
                (folder / "cls").write_text(str(number % 2))
                shard.add(folder / "cls", f"{number}.cls")
        os.remove(folder / "cls")
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


KINDS = {
    "keys": one_of_keys, "options": one_of_options, "safetensors": one_safetensors, "reference": one_reference,
    "torch": one_torch, "npz": one_npz, "tar": one_tar, "image": one_image, "yaml": one_yaml, "run": one_run,
    "vae": one_autoencoder, "tokenizer": one_tokenizer,
}
