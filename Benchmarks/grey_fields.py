"""Draws grey images of 16 bits, smooth fields with thin scratches, and compares the spectra of samples with them.

    python Benchmarks/grey_fields.py draw datasets/fields --count 2000 --seed 0
    python Benchmarks/grey_fields.py draw datasets/held-out --count 400 --seed 1
    python Benchmarks/grey_fields.py compare datasets/held-out samples.npz

A field is noise below 3 cycles a side; one to three scratches, lines 0.8 pixels wide, are brighter or darker than it. Values
take a fifth of the range. `compare` prints the power in each octave of frequencies over that of the drawn images; a side
is a folder or an .npz. Needs numpy and Pillow.
"""
import argparse
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 64


def field(random):
    """Smooth noise of mean 0 and deviation 1."""
    frequencies = np.fft.fftfreq(SIDE, 1 / SIDE)
    radius = np.hypot(frequencies[:, None], frequencies[None])
    spectrum = np.fft.fft2(random.standard_normal((SIDE, SIDE))) * np.exp(-0.5 * (radius / 1.5) ** 2) * (radius > 0)
    values = np.fft.ifft2(spectrum).real
    return values / values.std()


def scratch(random):
    """The share of each pixel that a line of 0.8 pixels covers, between two points that are at least 20 pixels apart."""
    while True:
        start, end = random.uniform(2, SIDE - 2, (2, 2))
        length = np.hypot(*(end - start))
        if length > 20:
            break
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    along = ((x - start[0]) * (end[0] - start[0]) + (y - start[1]) * (end[1] - start[1])) / length
    across = ((x - start[0]) * (end[1] - start[1]) - (y - start[1]) * (end[0] - start[0])) / length
    inside = np.clip(along + 0.5, 0, 1) * np.clip(length - along + 0.5, 0, 1)
    return inside * np.clip(0.4 + 0.5 - np.abs(across), 0, 0.8)


def draw(folder, count, seed):
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=False)
    for number in range(count):
        values = 32768 + 1800 * field(random)
        for _ in range(random.integers(1, 4)):
            values += random.choice([-1, 1]) * random.uniform(2000, 3500) * scratch(random)
        Image.fromarray(np.clip(np.rint(values), 0, 65535).astype(np.uint16)).save(folder / f"{number:05d}.png")


def images(path):
    path = Path(path)
    if path.is_dir():
        return np.stack([np.asarray(Image.open(file)).astype(np.float64) for file in sorted(path.rglob("*.png"))])
    values = np.load(path)["arr_0"].astype(np.float64)
    return values[..., 0] if values.ndim == 4 else values


def octaves(values):
    """Mean power between 1, 2, 4, ... cycles a side, without the mean of each image."""
    side = values.shape[1]
    centred = values - values.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(centred)) ** 2).mean(0)
    frequencies = np.fft.fftfreq(side, 1 / side)
    radius = np.hypot(frequencies[:, None], frequencies[None])
    bounds = [2**k for k in range(int(np.log2(side)) + 1)]
    return {low: power[(radius >= low) & (radius < 2 * low)].mean() for low in bounds[:-1]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("folder", type=Path)
    drawing.add_argument("--count", type=int, required=True)
    drawing.add_argument("--seed", type=int, default=0)
    comparing = commands.add_parser("compare")
    comparing.add_argument("reference")
    comparing.add_argument("samples", nargs="+")
    arguments = parser.parse_args()
    if arguments.command == "draw":
        draw(arguments.folder, arguments.count, arguments.seed)
        return
    reference = octaves(images(arguments.reference))
    for path in arguments.samples:
        found = octaves(images(path))
        print(f"{path:30} " + "  ".join(f"{low}-{2 * low}: {found[low] / reference[low]:.2f}" for low in reference))


if __name__ == "__main__":
    main()
