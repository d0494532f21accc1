"""Nearest training images of samples by scipy's cdist, for `pixnerd evaluate --memorised`.

The pictures are made by a formula, so that only results are stored.
"""

import os

import numpy as np
from make_evaluation_fixtures import HERE, formula_pictures
from safetensors.numpy import save_file
from scipy.spatial.distance import cdist

TRAINED, SAMPLES, HEIGHT, WIDTH = 60, 27, 12, 20


def two_nearest(direct, mirrored):
    """Index, distance and side of the nearest column of each row, and index and distance of the second nearest."""
    distances = np.minimum(direct, mirrored)
    order = np.argsort(distances, axis=1, kind="stable")[:, :2]
    near, far = np.take_along_axis(distances, order, axis=1).T
    is_mirrored = np.take_along_axis(mirrored < direct, order[:, :1], axis=1)[:, 0]
    return {
        "nearest": order[:, 0].astype(np.int64),
        "second": order[:, 1].astype(np.int64),
        "distance": near,
        "second_distance": far,
        "mirrored": is_mirrored.astype(np.int64),
        "memorised": ((near == 0) | (near < far / 3)).astype(np.int64),
    }


def main():
    trained = formula_pictures(TRAINED, HEIGHT, WIDTH, 1)
    noise = formula_pictures(SAMPLES, HEIGHT, WIDTH, 0)
    # Sample i is a training image with i % 9 eighths of noise in it; every second one is mirrored.
    part = (np.arange(SAMPLES) % 9).clip(0, 8).reshape(-1, 1, 1, 1)
    samples = ((8 - part) * trained[:: TRAINED // SAMPLES][:SAMPLES].astype(np.int64) + part * noise) // 8
    samples[1::2] = samples[1::2, :, ::-1]
    rows = [x.reshape(len(x), -1).astype(np.float64) for x in (samples, trained, trained[:, :, ::-1])]
    found = {f"pixels.{name}": x for name, x in two_nearest(cdist(rows[0], rows[1]), cdist(rows[0], rows[2])).items()}

    random = np.random.default_rng(8)
    features = random.normal(size=(TRAINED, 24)) + 40
    near = features[:SAMPLES] + random.normal(size=(SAMPLES, 24)) * np.linspace(0, 2, SAMPLES)[:, None]
    other = features[TRAINED - SAMPLES :] + random.normal(size=(SAMPLES, 24)) * 0.3
    arrays = [x.astype(np.float32) for x in (features, near, other)]
    direct, mirrored = (cdist(x.astype(np.float64), arrays[0].astype(np.float64)) for x in arrays[1:])
    found |= {f"features.{name}": x for name, x in two_nearest(direct, mirrored).items()}
    found |= {"features": arrays[0], "features.own": arrays[1], "features.own_mirrored": arrays[2]}
    for name in ("pixels", "features"):
        print(name, "memorised", found[f"{name}.memorised"].sum(), "mirrored", found[f"{name}.mirrored"].sum())
    save_file({k: np.ascontiguousarray(v) for k, v in found.items()}, os.path.join(HERE, "memorised.safetensors"))


if __name__ == "__main__":
    main()
