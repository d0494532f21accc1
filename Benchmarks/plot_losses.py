"""Draws the losses of runs over their steps, smoothed, and prints how far apart they are.

    python Benchmarks/plot_losses.py losses.png checkpoints/fp32-0 checkpoints/fp32-1 checkpoints/bf16-0

The first run is the one that others are measured against. Every run should log each step (training.log_every: 1). Needs
matplotlib and numpy.
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402


def losses(run):
    records = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    return np.array([record["step"] for record in records]), np.array([record["loss"] for record in records])


def smoothed(values, window):
    """Means over `window` records, so that the noise of single batches does not hide the course."""
    return np.convolve(values, np.ones(window) / window, mode="valid")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--window", type=int, default=100, help="records that a mean is taken over")
    arguments = parser.parse_args()
    figure, (above, below) = plt.subplots(2, 1, figsize=(8, 7), sharex=True, height_ratios=(2, 1))
    steps, first = losses(arguments.runs[0])
    reference = smoothed(first, arguments.window)
    at = steps[arguments.window - 1:]
    for run in arguments.runs:
        found_steps, found = losses(run)
        if not np.array_equal(found_steps, steps):
            parser.error(f"{run} logged other steps than {arguments.runs[0]}")
        curve = smoothed(found, arguments.window)
        name = Path(run).name
        above.plot(at, curve, label=name, linewidth=1)
        below.plot(at, 100 * (curve / reference - 1), label=name, linewidth=1)
        difference = np.abs(curve / reference - 1)
        print(f"{name:20} last {curve[-1]:.5f}   from {Path(arguments.runs[0]).name}: mean {100 * difference.mean():.3f} %, "
              f"largest {100 * difference.max():.3f} %")
    above.set_ylabel(f"loss, mean of {arguments.window} steps")
    above.set_yscale("log")
    above.legend()
    below.set_ylabel(f"% from {Path(arguments.runs[0]).name}")
    below.set_xlabel("step")
    for axis in (above, below):
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
