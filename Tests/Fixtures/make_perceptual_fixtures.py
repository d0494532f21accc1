"""Makes the fixtures of the perceptual distance.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_perceptual_fixtures.py            # rewrites its files beside this one
    .venv/bin/python make_perceptual_fixtures.py --output /tmp/fixtures

perceptual/   a VGG16 of narrow layers with random weights, as torchvision stores it (vgg.safetensors) and, with linear
              weights, as the lpips package does (lpips.pth); reference.safetensors: two sets of pictures, their distances
              by the formula of lpips 0.1.4 with and without linear weights, and the gradients of the mean distance by
              the first, in float64.
operators/    convolution_rectified, halved_to_maximum, channel_distance: as `make_fixtures.py` has operators. Inputs are
              such that no small step crosses a kink, so that the derivatives can be checked by differences.
"""
import argparse
from pathlib import Path

import torch
import torch.nn.functional as functional

from make_fixtures import generator, write_operator, write_tensors

PLACES = [[0, 2], [5, 7], [10, 12, 14], [17, 19, 21], [24, 26, 28]]
WIDTHS = [[4, 6], [6, 8], [8, 8, 10], [10, 8, 12], [8, 10, 12]]


def channel_distance(a, b, weights, epsilon=1e-10):
    """[B]: equation 1 of arXiv 1801.03924 for one layer."""
    def directions(x):
        return x / (x.square().sum(1, keepdim=True).sqrt() + epsilon)

    return (weights[:, None, None] * (directions(a) - directions(b)).square()).sum(1).mean((1, 2))


def features(x, state):
    """What stands behind the last rectification of each block, of pictures in [-1, 1]."""
    shift, scale = (torch.tensor(values, dtype=x.dtype)[None, :, None, None]
                    for values in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
    x = (x - shift) / scale
    found = []
    for block in PLACES:
        if found:
            x = functional.max_pool2d(x, 2)
        for place in block:
            x = functional.relu(functional.conv2d(
                x, state[f"features.{place}.weight"].to(x.dtype), state[f"features.{place}.bias"].to(x.dtype),
                padding=1))
        found.append(x)
    return found


def distances(a, b, state, linear):
    pairs = zip(features(a, state), features(b, state))
    return sum(channel_distance(x, y, linear[index].to(x.dtype).flatten()) for index, (x, y) in enumerate(pairs))


def make_network(folder):
    random = generator(900)
    state, inputs = {}, 3
    for block, widths in zip(PLACES, WIDTHS):
        for place, width in zip(block, widths):
            deviation = (2 / (9 * inputs)) ** 0.5
            state[f"features.{place}.weight"] = deviation * torch.randn(width, inputs, 3, 3, generator=random)
            state[f"features.{place}.bias"] = 0.1 * torch.randn(width, generator=random)
            inputs = width
    linear = [torch.rand(1, widths[-1], 1, 1, generator=random) for widths in WIDTHS]
    write_tensors(folder / "vgg.safetensors", state | {"classifier.0.weight": torch.zeros(2, 2)})
    slices = {place: index + 1 for index, block in enumerate(PLACES) for place in block}
    package = {"scaling_layer.shift": torch.zeros(1, 3, 1, 1), "scaling_layer.scale": torch.ones(1, 3, 1, 1)}
    for name, tensor in state.items():
        package[f"net.slice{slices[int(name.split('.')[1])]}.{name.removeprefix('features.')}"] = tensor
    for index, weight in enumerate(linear):
        package[f"lin{index}.model.1.weight"] = weight
    for index, weight in enumerate(linear):
        package[f"lins.{index}.model.1.weight"] = weight
    torch.save(package, folder / "lpips.pth")
    # Not square, and odd once halved.
    a, b = (torch.rand(2, 3, 20, 18, generator=random) * 2 - 1 for _ in range(2))
    b = 0.7 * a + 0.3 * b
    tensors = dict(a=a, b=b)
    for name, weights in [("linear", linear), ("plain", [torch.ones_like(weight) for weight in linear])]:
        x = a.double().requires_grad_()
        found = distances(x, b.double(), state, weights)
        found.mean().backward()
        tensors |= {f"{name}.distances": found.detach().float(), f"{name}.grad.a": x.grad.float()}
    write_tensors(folder / "reference.safetensors", tensors)


def make_operators(folder):
    # The first seed of which no output before the rectification is near 0.
    for seed in range(920, 2000):
        random = generator(seed)
        inputs = dict(x=torch.randn(2, 2, 4, 3, generator=random), weight=torch.randn(2, 2, 3, 3, generator=random),
                      bias=torch.randn(2, generator=random))
        found = functional.conv2d(*inputs.values(), padding=1)
        if found.abs().min() > 0.25:
            break
    assert (found > 0).any() and (found < 0).any() and found.abs().min() > 0.25
    write_operator(
        folder / "convolution_rectified.safetensors",
        lambda x, weight, bias: functional.relu(functional.conv2d(x, weight, bias, padding=1)), inputs, seed=919)
    random = generator(2010)
    shape = (2, 3, 5, 7)
    values = torch.stack([torch.randperm(35, generator=random) for _ in range(6)]).reshape(shape)
    write_operator(
        folder / "halved_to_maximum.safetensors", lambda x: functional.max_pool2d(x, 2), dict(x=values / 5 - 3),
        seed=2011)
    random = generator(2020)
    a, b = (torch.randn(2, 5, 20, 15, generator=random).relu() for _ in range(2))
    a += 0.2 * torch.rand(a.shape, generator=random)
    weights = torch.rand(5, generator=random)
    write_operator(
        folder / "channel_distance.safetensors",
        lambda a: channel_distance(a, b.double(), weights.double()).mean(), dict(a=a), seed=2021,
        upstream=torch.tensor(1.7), constants=dict(b=b, weights=weights))


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures of the perceptual distance's Swift tests.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    make_network(output / "perceptual")
    make_operators(output / "operators")


if __name__ == "__main__":
    main()
