"""Makes the fixtures of the convolutional operators and of the autoencoder.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_autoencoder_fixtures.py            # rewrites its files beside this one
    .venv/bin/python make_autoencoder_fixtures.py --output /tmp/fixtures

operators/  convolution_*, group_norm*, doubled_to_nearest, spatial_attention*: as `make_fixtures.py` has operators, computed in float64 and stored as float32.
"""
import argparse
from pathlib import Path

import torch
import torch.nn.functional as functional

from make_fixtures import generator, write_operator

# name, batch, channels, height, width, outputs, kernel, stride, padding (top, bottom, left, right), has a bias
CONVOLUTIONS = [
    ("3x3", 2, 5, 9, 7, 6, (3, 3), 1, (1, 1, 1, 1), True),
    ("3x3_batch", 5, 3, 4, 4, 7, (3, 3), 1, (1, 1, 1, 1), True),
    ("1x1", 3, 6, 5, 4, 9, (1, 1), 1, (0, 0, 0, 0), True),
    ("1x1_stride", 2, 4, 7, 8, 3, (1, 1), 2, (0, 0, 0, 0), False),
    ("1x7", 1, 4, 6, 9, 5, (1, 7), 1, (0, 0, 3, 3), False),
    ("7x1", 1, 4, 9, 6, 5, (7, 1), 1, (3, 3, 0, 0), True),
    ("5x5_wide_padding", 1, 2, 4, 3, 3, (5, 5), 1, (4, 3, 2, 5), True),
    ("3x3_downsample", 2, 4, 8, 6, 4, (3, 3), 2, (0, 1, 0, 1), True),
    ("3x3_downsample_odd", 2, 3, 9, 7, 4, (3, 3), 2, (0, 1, 0, 1), True),
    ("3x3_valid_stride", 2, 3, 9, 8, 4, (3, 3), 2, (0, 0, 0, 0), False),
    ("4x4_stride3", 1, 3, 11, 10, 4, (4, 4), 3, (2, 1, 0, 2), True),
]


def make_convolutions(folder):
    for index, (name, batch, channels, height, width, outputs, kernel, stride, padding, biased) in enumerate(
            CONVOLUTIONS):
        random = generator(700 + index)
        inputs = dict(
            x=torch.randn(batch, channels, height, width, generator=random),
            weight=torch.randn(outputs, channels, *kernel, generator=random))
        if biased:
            inputs["bias"] = torch.randn(outputs, generator=random)
        top, bottom, left, right = padding

        def function(x, weight, bias=None):
            return functional.conv2d(functional.pad(x, (left, right, top, bottom)), weight, bias, stride)

        write_operator(
            folder / f"convolution_{name}.safetensors", function, inputs, seed=750 + index, stride=stride,
            padding=" ".join(map(str, padding)))


def spatial_attention(queries, keys, values):
    scores = torch.einsum("bcn,bcm->bnm", queries.flatten(2), keys.flatten(2)) / queries.shape[1] ** 0.5
    return torch.einsum("bnm,bcm->bcn", scores.softmax(-1), values.flatten(2)).reshape(values.shape)


def make_other_operators(folder):
    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    for name, seed, with_silu, mean in [("group_norm", 770, False, 0), ("group_norm_silu", 772, True, 0),
                                        ("group_norm_far_from_zero", 774, True, 30)]:
        random = generator(seed)

        def function(x, weight, bias):
            out = functional.group_norm(x, 3, weight, bias, 1e-6)
            return functional.silu(out) if with_silu else out

        write_operator(
            folder / f"{name}.safetensors", function,
            dict(x=normal(2, 12, 5, 7, mean=mean), weight=normal(12, mean=1, scale=0.3), bias=normal(12)),
            seed=seed + 1, groups=3)
    random = generator(780)
    write_operator(
        folder / "doubled_to_nearest.safetensors", lambda x: functional.interpolate(x, scale_factor=2, mode="nearest"),
        dict(x=normal(2, 3, 4, 5)), seed=781)
    for name, seed, shape in [("spatial_attention", 790, (2, 6, 4, 5)), ("spatial_attention_large", 792, (1, 2, 30, 21))]:
        random = generator(seed)
        write_operator(
            folder / f"{name}.safetensors", spatial_attention,
            dict(queries=normal(*shape), keys=normal(*shape), values=normal(*shape)), seed=seed + 1)


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures of the autoencoder's Swift tests.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    make_convolutions(output / "operators")
    make_other_operators(output / "operators")


if __name__ == "__main__":
    main()
