#!/usr/bin/env python3
"""Disturbs pixnerd at random moments, and checks that the same command ends with the bits of an undisturbed one.

    scripts/kills.py --runs 20                 as continuous integration does
    scripts/kills.py --runs 200 --seed 3
    scripts/kills.py --only 17 --seed 3        one run again, whose folder is kept

Each run starts training, sampling, encoding, evaluating or comparing, and then: sends a signal (TERM, HUP, KILL, INT once or
twice), closes the pipe that reads its output, lets files grow to a few kilobytes only, starts it without standard output
and error, or starts the same command a second time beside it. Afterwards the same command must end with success and with the
same bytes as one that nobody disturbed. docs/reliability.md says what is promised.
"""

import argparse
import collections
import hashlib
import os
import pathlib
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TRAIN = """name: tiny
directory: runs
seed: 3
model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
data: {root: shapes, image_size: 16}
training: {steps: 240, batch_size: 4, learning_rate: 1.0e-3, log_every: 10, save_every: 20, preview_every: 60, keep_last: 3}
sampling: {steps: 4, per_class: 1}
"""
WORDS = TRAIN.replace("name: tiny", "name: words").replace("root: shapes", "root: captioned/train").replace(
    "hidden_size_x: 8", "hidden_size_x: 8, num_text_blocks: 1") + """text: {cache: text, length: 8}
"""
COMPARE = """name: compared
directory: .
shared:
  seed: 3
  threads: 1
  data: {root: shapes, image_size: 16}
  model: {hidden_size: 16, num_groups: 2, num_blocks: 3, num_cond_blocks: 2, hidden_size_x: 8}
  training: {steps: 40, batch_size: 4, learning_rate: 1.0e-3, log_every: 10, save_every: 20}
pipelines:
  field:
    model: {patch_size: 4}
  linear:
    model: {patch_size: 4, head: linear}
evaluation: {reference: shapes, pictures: 16, batch: 4, steps: 4, guidance: [1.0], resamples: 3, classes: 4, per_class: 2}
"""


def tensors(folder):
    """The weights and the optimizer state of the last step."""
    return sorted(folder.glob("runs/*/latest/*.safetensors"))


# What is run, and which files must come out alike.
JOBS = {
    "train": (["train", "train.yaml"], tensors),
    "sample folder": (
        ["sample", "model", "--count", "64", "--steps", "8", "--batch", "4", "--out", "images"],
        lambda folder: sorted(folder.glob("images/*.png"))),
    "sample npz": (
        ["sample", "model", "--count", "64", "--steps", "8", "--batch", "4", "--out", "o.npz"], lambda folder: [folder / "o.npz"]),
    "encode": (
        ["encode", "latents", "vae", "shapes", "--size", "16", "--batch", "2", "--out", "latents"],
        lambda folder: sorted(folder.glob("latents/*.safetensors"))),
    "train on captions": (["train", "words.yaml"], tensors),
    "encode text": (
        ["encode", "text", "encoder", "captioned/train", "--length", "128", "--batch", "2", "--prompts", "prompts.txt", "--out", "rows"],
        lambda folder: sorted(folder.glob("rows/*.safetensors"))),
    "sample texts": (
        ["sample", "text-model", "--prompts", "prompts.txt", "--count", "64", "--steps", "8", "--batch", "4", "--out", "texts"],
        lambda folder: sorted(folder.glob("texts/*.png"))),
    "evaluate": (
        ["evaluate", "shapes", "a.npz", "--size", "16", "--bootstrap", "200", "--json"],
        lambda folder: [folder / "standard-output"]),
    "compare": (
        ["compare", "compare.yaml"],
        lambda folder: sorted(folder.glob("compared/**/*.npz")) + sorted(folder.glob("compared/runs/*/latest/ema.safetensors"))),
}
# A comparison takes long, so there are fewer.
WEIGHTS = {
    "train": 5, "sample folder": 3, "sample npz": 3, "encode": 3, "evaluate": 2, "compare": 1, "train on captions": 3,
    "encode text": 2, "sample texts": 2}
# The runs that jobs train.
RUNS = {"train": "tiny", "train on captions": "words"}
DISTURBANCES = ["TERM", "HUP", "KILL", "INT", "INT twice", "pipe", "file size", "closed output", "second"]


def digest(files):
    total = hashlib.sha256()
    for file in files:
        total.update(file.name.encode() + file.read_bytes())
    return total.hexdigest() if files else "nothing"


class Bench:
    """Good inputs and what undisturbed commands make of them."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        folder.mkdir()
        (folder / "train.yaml").write_text(TRAIN)
        (folder / "compare.yaml").write_text(COMPARE)
        shutil.copytree(ROOT / "Tests/Fixtures/autoencoder/sd", folder / "vae")
        self.run(["dataset", "shapes", "--out", "shapes", "--per-class", "6", "--size", "16"], folder)
        self.run(["train", "train.yaml", "--set", "training.steps=2", "--set", "name=model"], folder)
        shutil.move(folder / "runs/model", folder / "model")
        self.run(["sample", "model", "--steps", "1", "--per-class", "2", "--out", "a.npz"], folder)
        self.prepare_texts()
        self.expected, self.seconds = {}, {}
        for job, (arguments, outputs) in JOBS.items():
            work = folder.parent / "undisturbed"
            shutil.copytree(folder, work, symlinks=True)
            start = time.monotonic()
            (work / "standard-output").write_bytes(self.run(arguments, work).stdout)
            self.seconds[job] = time.monotonic() - start
            self.expected[job] = digest(outputs(work))
            assert self.expected[job] != "nothing", job
            shutil.rmtree(work)

    def prepare_texts(self):
        """Captions, their encoder, the rows of both, prompts, and a text model."""
        folder = self.folder
        (folder / "words.yaml").write_text(WORDS)
        (folder / "prompts.txt").write_text("".join(f"picture number {number} of a long list\n" for number in range(300)))
        shutil.copytree(ROOT / "Tests/Fixtures/t2i/qwen3", folder / "encoder")
        self.run(
            ["dataset", "shapes", "--captions", "--out", "captioned", "--count", "48", "--size", "16", "--hold-out", "none"], folder)
        self.run(["encode", "text", "encoder", "captioned/train", "--length", "8", "--out", "text"], folder)
        # With the encoder, as images of prompts that are not in the cache are sampled.
        self.run(["train", "words.yaml", "--set", "training.steps=2", "--set", "name=text-model", "--set", "text.encoder=encoder"], folder)
        shutil.move(folder / "runs/text-model", folder / "text-model")

    def run(self, arguments, folder):
        return subprocess.run([self.program, *arguments], cwd=folder, check=True, capture_output=True, stdin=subprocess.DEVNULL)


def start(bench, arguments, work, name, disturbance, source):
    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if disturbance == "file size":
            size = source.choice([100, 4096, 30_000, 100_000, 170_000])
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        if disturbance == "closed output":
            os.close(1), os.close(2)

    output = subprocess.PIPE if disturbance == "pipe" else open(work.parent / f"{name}.out", "wb")
    return subprocess.Popen(
        [bench.program, *arguments], cwd=work, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, preexec_fn=limit)


def disturb(process, disturbance, moment, begin_second):
    """Does it at the moment; returns the second process, where there is one."""
    if disturbance == "pipe":
        deadline = time.monotonic() + moment
        os.set_blocking(process.stdout.fileno(), False)
        while time.monotonic() < deadline and process.poll() is None:
            process.stdout.read()
            time.sleep(0.005)
        process.stdout.close()
        return None
    time.sleep(moment)
    if disturbance == "second":
        return begin_second()
    for _ in range(2 if disturbance == "INT twice" else 1):
        if disturbance.split()[0] in ("TERM", "HUP", "KILL", "INT") and process.poll() is None:
            process.send_signal(getattr(signal, "SIG" + disturbance.split()[0]))
            time.sleep(0.02)
    return None


def said(work, name):
    path = work.parent / f"{name}.out"
    return path.read_text(errors="replace").strip()[-400:] if path.exists() else ""


def attempt(bench, number, options):
    """What went wrong in a run; None if nothing did."""
    source = random.Random(f"{options.seed} {number}")
    job = source.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    disturbance = source.choice(DISTURBANCES)
    arguments, outputs = JOBS[job]
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"kill-{number}-", dir=options.scratch))
    work = folder / "work"
    shutil.copytree(bench.folder, work, symlinks=True)
    moment = source.uniform(0, 1.1) * bench.seconds[job]
    process = start(bench, arguments, work, "first", disturbance, source)
    second = disturb(process, disturbance, moment, lambda: start(bench, arguments, work, "second", "", source))
    problem = None
    try:
        status = process.wait(options.seconds)
        second_status = second.wait(options.seconds) if second else 0
    except subprocess.TimeoutExpired:
        process.kill()
        status, second_status, problem = 0, 0, f"{job} does not end after {disturbance}"
    deadly = {"KILL": [signal.SIGKILL], "INT twice": [signal.SIGINT], "TERM": [signal.SIGTERM], "HUP": [signal.SIGHUP], "INT": [signal.SIGINT]}
    if status < 0 and -status not in deadly.get(disturbance, []):
        problem = f"{job} ended by {signal.Signals(-status).name} after {disturbance}: {said(work, 'first')}"
    if disturbance in ("pipe", "closed output") and job == "train" and status != 0 and not tensors(work):
        problem = f"{job} lost its work after {disturbance}"
    if second and status != 0:
        problem = f"{job}: the first was harmed by a second: {said(work, 'first')}"
    if second and second_status < 0:
        problem = f"{job}: the second ended by {signal.Signals(-second_status).name}"
    for _ in range(4):
        if problem:
            break
        again = arguments + (["--resume"] if job in RUNS and (work / f"runs/{RUNS[job]}/config.yaml").exists() else [])
        result = subprocess.run([bench.program, *again], cwd=work, capture_output=True, stdin=subprocess.DEVNULL)
        if result.returncode == 0:
            (work / "standard-output").write_bytes(result.stdout)
            break
        text = result.stderr.decode(errors="replace").strip()
        # What was finished need not be made again.
        if "--overwrite" in text and digest(outputs(work)) == bench.expected[job]:
            break
        problem = f"{job}: the same command fails after {disturbance} at {moment:.2f} s: {text[-400:]}"
    if not problem and digest(outputs(work)) != bench.expected[job]:
        problem = f"{job}: other bits after {disturbance} at {moment:.2f} s"
    if problem or options.only is not None:
        shutil.rmtree(options.keep / str(number), ignore_errors=True)
        shutil.copytree(folder, options.keep / str(number), symlinks=True)
    shutil.rmtree(folder, ignore_errors=True)
    return job, disturbance, problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build" / "release" / "pixnerd"))
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--only", type=int, help="number of the only run")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--seconds", type=float, default=120, help="limit for one command")
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / ".build" / "kills")
    options = parser.parse_args()
    options.keep.mkdir(parents=True, exist_ok=True)
    counts, problems = collections.Counter(), 0
    with tempfile.TemporaryDirectory() as scratch:
        options.scratch = scratch
        bench = Bench(os.path.abspath(options.program), pathlib.Path(scratch) / "good")
        for number in [options.only] if options.only is not None else range(options.runs):
            job, disturbance, problem = attempt(bench, number, options)
            counts[job], counts[disturbance] = counts[job] + 1, counts[disturbance] + 1
            if problem:
                problems += 1
                print(f"{number} {problem}", flush=True)
    print(", ".join(f"{n} {kind}" for kind, n in counts.items()))
    print(f"{problems} broke a promise" + (f"; they are kept in {options.keep}" if problems else ""))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
