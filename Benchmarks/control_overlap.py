"""How well images follow their control pictures: the overlap of the edges of both, within one pixel.

    python Benchmarks/control_overlap.py CONTROLS SAMPLES

CONTROLS is a folder of edges of the size of the images, such as `pixnerd sample --control-from` writes it beside its
result, the folder SAMPLES, whose images took the pictures of CONTROLS in turn. Of each image the edges are found by OpenCV's Canny (100, 200).
Precision is the share of these that lie within one pixel of an edge of the control picture, also diagonally; recall the
share of the control's that lie within one pixel of one of the image; the overlap is their harmonic mean (F1).
"""
import argparse
import json
from pathlib import Path

import cv2
import numpy as np


def near(edges):
    return cv2.dilate(edges.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0


def overlap(wanted, found):
    if not wanted.any() or not found.any():
        return float(wanted.any() == found.any())
    precision, recall = (found & near(wanted)).sum() / found.sum(), (wanted & near(found)).sum() / wanted.sum()
    return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def main(controls, samples):
    pictures = sorted(path for path in controls.rglob("*.png"))
    files = [picture["file"] for picture in json.loads((samples / "manifest.json").read_text())["pictures"]]
    scores = []
    for place, name in enumerate(files):
        wanted = cv2.imread(str(pictures[place % len(pictures)]), cv2.IMREAD_GRAYSCALE) > 127
        image = cv2.cvtColor(cv2.imread(str(samples / name)), cv2.COLOR_BGR2RGB)
        scores.append(overlap(wanted, cv2.Canny(image, 100, 200) > 0))
    scores = np.array(scores)
    print(f"{len(scores)} images: overlap (F1 within one pixel) {scores.mean():.3f}, "
          f"median {np.median(scores):.3f}, a tenth below {np.quantile(scores, 0.1):.3f}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("controls", type=Path)
    arguments.add_argument("samples", type=Path)
    main(**vars(arguments.parse_args()))
