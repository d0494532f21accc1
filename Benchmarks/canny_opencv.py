"""Compares edges with OpenCV's Canny (100, 200), pixel for pixel.

    pixnerd encode control IMAGES --edges canny --out EDGES
    python Benchmarks/canny_opencv.py IMAGES EDGES

Prints the number of differing pixels of each image of the folder IMAGES. Files are decoded by Pillow.
"""
import argparse
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps


def main(images, edges):
    paths = sorted(path for path in images.rglob("*") if path.suffix.lower() in (".jpeg", ".jpg", ".png"))
    total = 0
    for path in paths:
        name = path.relative_to(images).with_suffix(".png")
        image = np.array(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        expected, found = cv2.Canny(image, 100, 200), np.array(Image.open(edges / name))
        different = int((expected != found).sum())
        total += different
        print(f"{name}: {image.shape[1]} x {image.shape[0]}, {int((expected > 0).sum())} edge pixels, {different} differ")
    print(f"{total} pixels of {len(paths)} images differ from OpenCV {cv2.__version__}")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("edges", type=Path)
    main(**vars(arguments.parse_args()))
