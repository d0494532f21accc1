"""Makes Tests/Fixtures/edges: edges of synthetic pictures, by OpenCV and PyTorch. Run from anywhere:

    python3 Tests/Fixtures/make_edge_fixtures.py

canny.json         checksums of OpenCV's Canny of the pictures of make_image_fixtures.py
soft.safetensors   soft edges [H, W] of one of them, in float64
hed.pth            a HED with narrow levels and random weights, under the published names
hed.safetensors    `picture` [B, 3, H, W] from 0 to 255, its `edges` [B, 1, H, W], and `bilinear.HxW` of `edges`
"""
import json
import pathlib
import zlib

import cv2
import numpy as np
import torch
import torch.nn.functional as F

from make_fixtures import generator, write_tensors
from make_image_fixtures import pattern

HERE = pathlib.Path(__file__).parent / "edges"
# Convolutions of each level, and their width.
LEVELS = [(2, 4), (2, 6), (3, 8), (3, 8), (3, 8)]


def picture(width, height, kind):
    """Kind 2 is noise after a blur, which has edges in every direction."""
    if kind < 2:
        return pattern(width, height, kind)
    noise = pattern(width, height, 0).astype(np.int32)
    rows = np.pad(noise, ((2, 2), (2, 2), (0, 0)), mode="edge")
    total = sum(rows[y:y + height, x:x + width] for y in range(5) for x in range(5))
    return np.clip((total // 25 - 128) * 4 + 128, 0, 255).astype(np.uint8)


def canny():
    cases = []
    for width, height in [(1, 1), (1, 9), (2, 2), (7, 3), (64, 48), (97, 31)]:
        for kind in range(3):
            for low, high in [(100, 200), (40, 90), (300, 700), (0, 0)]:
                edges = cv2.Canny(np.ascontiguousarray(picture(width, height, kind)), low, high)
                cases.append(dict(width=width, height=height, kind=kind, low=low, high=high,
                                  count=int((edges > 0).sum()), crc=zlib.crc32(edges.tobytes())))
    return cases


def soft(image):
    luminance = image.astype(np.float64) @ np.array([0.299, 0.587, 0.114]) / 255
    total = np.zeros_like(luminance)
    for deviation in (1, 2, 4):
        blurred = cv2.GaussianBlur(luminance, (6 * deviation + 1,) * 2, deviation, borderType=cv2.BORDER_REPLICATE)
        padded = np.pad(blurred, 1, mode="edge")
        length = np.hypot(padded[1:-1, 2:] - padded[1:-1, :-2], padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
        total += length / max(np.percentile(length, 99), 1e-6)
    return np.clip(total / 3, 0, 1)


def hed_weights(random):
    state, inputs = {"norm": torch.tensor([123.0, 117.0, 104.0]).reshape(1, 3, 1, 1)}, 3
    for level, (layers, width) in enumerate(LEVELS, start=1):
        for layer in range(layers):
            name = f"block{level}.convs.{layer}"
            state[f"{name}.weight"] = torch.randn(width, inputs, 3, 3, generator=random) * (2 / 9 / inputs) ** 0.5
            state[f"{name}.bias"] = 0.1 * torch.randn(width, generator=random)
            inputs = width
        state[f"block{level}.projection.weight"] = torch.randn(1, width, 1, 1, generator=random) / 60
        state[f"block{level}.projection.bias"] = torch.randn(1, generator=random)
    return state


def hed(state, pictures):
    x, sides = pictures - state["norm"], []
    for level, (layers, _) in enumerate(LEVELS, start=1):
        x = x if level == 1 else F.max_pool2d(x, 2)
        for layer in range(layers):
            name = f"block{level}.convs.{layer}"
            x = F.relu(F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], padding=1))
        side = F.conv2d(x, state[f"block{level}.projection.weight"], state[f"block{level}.projection.bias"])
        sides.append(F.interpolate(side, pictures.shape[2:], mode="bilinear", align_corners=False))
    return torch.sigmoid(torch.stack(sides).mean(0))


if __name__ == "__main__":
    HERE.mkdir(exist_ok=True)
    (HERE / "canny.json").write_text(json.dumps(canny(), indent=0) + "\n")
    write_tensors(HERE / "soft.safetensors", {"edges": torch.from_numpy(soft(picture(61, 44, 2))).float()},
                  opencv=cv2.__version__)
    random = generator(25)
    state = hed_weights(random)
    torch.save(state, HERE / "hed.pth")
    pictures = torch.randint(0, 256, (2, 3, 40, 52), generator=random).float()
    edges = hed(state, pictures)
    resized = {f"bilinear.{h}x{w}": F.interpolate(edges, (h, w), mode="bilinear", align_corners=False)
               for h, w in [(80, 52), (13, 111), (1, 1)]}
    write_tensors(HERE / "hed.safetensors", {"picture": pictures, "edges": edges} | resized)
