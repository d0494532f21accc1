"""Draws the held-out loss of runs over their steps, beside that of as many training images, and prints both.

    python Benchmarks/plot_holdout.py held-out.png checkpoints/plain checkpoints/regular

Each run has data.holdout or data.holdout_root. Needs matplotlib.
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def measured(run):
    """Steps, held-out losses and those of training images."""
    records = [json.loads(line) for line in (Path(run) / "metrics.jsonl").read_text().splitlines()]
    kept = [record for record in records if "holdout_loss" in record]
    return tuple([record[key] for record in kept] for key in ("step", "holdout_loss", "seen_loss"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("runs", nargs="+")
    arguments = parser.parse_args()
    figure, axis = plt.subplots(figsize=(8, 4.5))
    for run in arguments.runs:
        steps, held_out, seen = measured(run)
        line, = axis.plot(steps, held_out, label=f"{Path(run).name}, held out")
        axis.plot(steps, seen, linestyle="--", color=line.get_color(), label=f"{Path(run).name}, trained on")
        best = min(range(len(steps)), key=held_out.__getitem__)
        print(f"{Path(run).name:12} lowest {held_out[best]:.4f} at step {steps[best]}, last {held_out[-1]:.4f}, "
              f"trained on {seen[-1]:.4f}")
    axis.set_xlabel("step")
    axis.set_ylabel("loss")
    axis.grid(alpha=0.3)
    axis.legend()
    figure.tight_layout()
    figure.savefig(arguments.out, dpi=110)


if __name__ == "__main__":
    main()
