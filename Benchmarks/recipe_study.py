#!/usr/bin/env python3
"""Trains recipes for the same wall time and measures their pictures: one table, and one line of results.jsonl a run.

    Benchmarks/recipe_study.py STUDY.json --out FOLDER [--program .build/release/pixnerd] [--only NAME,...]

STUDY.json holds

    {"config": "configs/shapes.yaml", "minutes": 5, "seeds": [0, 1, 2], "count": 400,
     "sizes": {"32": "FOLDER", "64": "FOLDER"}, "set": {"data.root": "..."},
     "recipes": {"before": {}, "after": {"training.target": "picture"}}}

where `sizes` names for each size a folder of pictures that nothing was trained on. Steps are chosen so that a run takes
`minutes`, by the rate of its first 60 steps. Pictures are sampled with the defaults that the run has. A run that is there
already is measured, not trained again; so a study that was stopped goes on.
"""
import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

TRIAL_STEPS = 60


def run(program, *arguments, log):
    with open(log, "w") as file:
        outcome = subprocess.run([program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=file, text=True)
    if outcome.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))} failed; see {log}")
    return outcome.stdout


def settings(values):
    return [part for key, value in values.items() for part in ("--set", f"{key}={value}")]


def train(program, study, name, recipe, seed, folder):
    """Trains a run of the study's time, unless it is there, and returns its seconds."""
    record = folder / f"{name}.seconds"
    if record.exists():
        return float(record.read_text())
    common = {"directory": folder, "seed": seed} | study.get("set", {}) | recipe
    quiet = {"training.preview_every": 0, "training.save_every": 1_000_000, "training.log_every": 20}
    trial = common | quiet | {"name": f"{name}-trial", "training.steps": TRIAL_STEPS, "training.log_every": TRIAL_STEPS // 2}
    run(program, "train", study["config"], *settings(trial), log=folder / f"{name}-trial.log")
    lines = (folder / f"{name}-trial" / "metrics.jsonl").read_text().splitlines()
    first, last = json.loads(lines[0]), json.loads(lines[-1])
    seconds = (last["seconds"] - first["seconds"]) / (last["step"] - first["step"])
    steps = int(60 * study["minutes"] / seconds)
    begin = time.monotonic()
    run(program, "train", study["config"], *settings(common | quiet | {"name": name, "training.steps": steps}),
        log=folder / f"{name}.log")
    record.write_text(f"{time.monotonic() - begin:.1f}\n")
    return time.monotonic() - begin


def measure(program, study, name, size, real, folder):
    """The measures of pictures that the run samples by its own defaults."""
    samples, result = folder / f"{name}-{size}.npz", folder / f"{name}-{size}.json"
    if not result.exists():
        run(program, "sample", folder / name, "--size", size, "--count", study["count"],
            "--batch", 32, "--out", samples, "--overwrite", log=folder / f"{name}-{size}.log")
        arguments = ["--patch", int(size) // study["patches"]] if "patches" in study else []
        text = run(program, "evaluate", real, samples, "--bootstrap", 0, "--json", *arguments,
                   log=folder / f"{name}-{size}.evaluation.log")
        result.write_text(text)
    measures = {entry["name"]: entry for entry in json.loads(result.read_text())["measures"]}
    seam = next(entry for key, entry in measures.items() if key.startswith("seam_"))
    return {"swd": measures["swd"]["value"], "floor": measures["swd"]["floor"],
            "seam": seam["value"], "real_seam": seam["floor"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--program", default=".build/release/pixnerd")
    parser.add_argument("--only", default="", help="names of recipes, separated by commas")
    arguments = parser.parse_args()
    study, folder = json.loads(arguments.study.read_text()), arguments.out
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in arguments.only.split(",") if name] or list(study["recipes"])
    rows = {}
    for seed in study["seeds"]:
        for recipe in wanted:
            name = f"{recipe}-{seed}"
            seconds = train(arguments.program, study, name, study["recipes"][recipe], seed, folder)
            for size, real in study["sizes"].items():
                row = measure(arguments.program, study, name, size, real, folder)
                rows.setdefault((recipe, size), []).append(row)
                with open(folder / "results.jsonl", "a") as file:
                    file.write(json.dumps({"recipe": recipe, "seed": seed, "size": size, "seconds": seconds} | row) + "\n")
                print(f"{name:30} {size:>4}  {row['swd']:7.1f} ({row['swd'] / row['floor']:.2f})  "
                      f"seam {row['seam']:.2f} (real {row['real_seam']:.2f})  {seconds:.0f} s", flush=True)
    print(f"\n{'recipe':30} size  sliced Wasserstein, each seed; median / floor; seam - real")
    for (recipe, size), found in rows.items():
        values = [row["swd"] for row in found]
        ratio = statistics.median(row["swd"] / row["floor"] for row in found)
        seam = statistics.median(row["seam"] - row["real_seam"] for row in found)
        print(f"{recipe:30} {size:>4}  {' '.join(f'{value:.1f}' for value in values)};  {ratio:.2f};  {seam:+.2f}")


if __name__ == "__main__":
    main()
