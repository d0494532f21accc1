"""Samples held-out captions from the saved steps of runs, judges them, and draws the shares over the steps.

    python Benchmarks/plot_captions.py captions.png datasets/captioned-shapes/held-out.txt checkpoints/a checkpoints/b

Each run is of `dataset shapes --captions` with training.keep_last 0. Images go to judged/ here, and are kept. Needs
matplotlib, and pixnerd in .build/release or as --program.
"""
import argparse
import json
import os
import subprocess
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent


def judged(program, step, captions):
    """Shares of right colours and shapes, in per cent."""
    out = Path("judged") / f"{step.parent.name}-{step.name}"
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_CORETYPE"}
    if not out.is_dir():
        subprocess.run([program, "sample", step, "--prompts", captions, "--seeds", "0", "--out", f"{out}/"], check=True,
                       env=environment, stdout=subprocess.DEVNULL)
    text = subprocess.run([program, "dataset", "judge-shapes", out, "--json"], check=True, capture_output=True).stdout
    scores = json.loads(text)
    return tuple(100 * scores[key] / scores["count"] for key in ("rightColor", "rightShape"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("captions")
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--program", default=ROOT / ".build" / "release" / "pixnerd")
    arguments = parser.parse_args()
    figure, axis = plt.subplots(figsize=(8, 4.5))
    for run in arguments.runs:
        steps = sorted(run.glob("step-*"))
        shares = [judged(arguments.program, step, arguments.captions) for step in steps]
        numbers = [int(step.name.removeprefix("step-")) for step in steps]
        line, = axis.plot(numbers, [shape for _, shape in shares], marker="o", label=f"{run.name}, shape")
        axis.plot(numbers, [color for color, _ in shares], linestyle="--", color=line.get_color(),
                  label=f"{run.name}, colour")
        reached = [number for number, (color, shape) in zip(numbers, shares) if color >= 90 and shape >= 85]
        print(f"{run.name}: 90 % of colours and 85 % of shapes at step {reached[0] if reached else 'none'}")
        for number, (color, shape) in zip(numbers, shares):
            print(f"  {number:6} colour {color:.0f} %, shape {shape:.0f} %")
    axis.axhline(85, color="grey", linewidth=0.8)
    axis.set_xlabel("step")
    axis.set_ylabel("held-out captions shown as named, %")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
