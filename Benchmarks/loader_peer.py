"""How fast a Pillow pipeline loads pictures: the peer of this package's loader, on one core.

    taskset -c 0 python3 Benchmarks/loader_peer.py FOLDER --size 256 --seconds 10

Reads each file, decodes it to RGB, makes guided-diffusion's centre crop (or torchvision's RandomResizedCrop with the
torchvision that is installed) and takes the pixels as a NumPy array, as a PyTorch data set on a folder does. Prints one
JSON line. Needs Pillow and NumPy.
"""

import argparse
import json
import pathlib
import time

import numpy as np
import PIL
from PIL import Image, features


def center_crop(image, size):
    """Halve by averaging while twice the size is there, scale with the bicubic filter, cut out the middle."""
    while min(image.size) >= 2 * size:
        image = image.resize((image.size[0] // 2, image.size[1] // 2), Image.Resampling.BOX)
    scale = size / min(image.size)
    image = image.resize(tuple(round(side * scale) for side in image.size), Image.Resampling.BICUBIC)
    left, top = (image.size[0] - size) // 2, (image.size[1] - size) // 2
    return image.crop((left, top, left + size, top + size))


def load(path, crop, size):
    with open(path, "rb") as file:
        return np.asarray(crop(Image.open(file).convert("RGB"), size))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="a folder that holds a folder of pictures for each class")
    parser.add_argument("--size", type=int, default=256, help="side of the squares in pixels")
    parser.add_argument("--seconds", type=float, default=10, help="for how long to measure")
    parser.add_argument("--crop", choices=["center", "resized"], default="center")
    options = parser.parse_args()
    crop = center_crop
    if options.crop == "resized":
        from torchvision.transforms import InterpolationMode, RandomResizedCrop

        transform = RandomResizedCrop(options.size, interpolation=InterpolationMode.BICUBIC)
        crop = lambda image, _: transform(image)
    endings = {".jpg", ".jpeg", ".png"}
    paths = sorted(str(p) for p in pathlib.Path(options.folder).rglob("*") if p.suffix.lower() in endings)
    if not paths:
        parser.error(f"{options.folder} holds no PNG or JPEG picture.")
    for path in paths[:64]:
        load(path, crop, options.size)
    start = time.perf_counter()
    count = 0
    while time.perf_counter() - start < options.seconds:
        load(paths[count % len(paths)], crop, options.size)
        count += 1
    seconds = time.perf_counter() - start
    print(json.dumps({
        "peer": "pillow", "pillow": PIL.__version__, "libjpeg_turbo": features.version("libjpeg_turbo"),
        "crop": options.crop, "size": options.size, "pictures_per_second_per_core": round(count / seconds, 1),
    }))


if __name__ == "__main__":
    main()
