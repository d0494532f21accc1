"""Makes the fixtures of the operators of a causal text encoder.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_text_operator_fixtures.py            # rewrites its files beside this one
    .venv/bin/python make_text_operator_fixtures.py --output /tmp/fixtures

operators/    rms_norm, causal_attention and its neighbours: inputs are float32, `out` is computed from them in float64.
              `counts` says how many tokens of each text are no padding; metadata: head_width, theta, and what the rows
              of a text without tokens see.
"""
import argparse
from pathlib import Path

import torch

from make_fixtures import generator, root_mean_square_norm, write_operator, write_tensors


def rotated(x, theta):
    """x [B, L, h, d]: pairs (i, i + d / 2) as complex numbers, turned by the position times theta^(-2 i / d)."""
    length, width = x.shape[1], x.shape[3]
    rates = theta ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    turns = torch.arange(length, dtype=torch.float64)[:, None] * rates
    pairs = torch.complex(*x.chunk(2, dim=-1)) * torch.polar(torch.ones_like(turns), turns)[:, None]
    return torch.cat([pairs.real, pairs.imag], dim=-1)


def causal_attention(queries, keys, values, q_norm, k_norm, counts, theta, empty):
    """[B, L, H d] by loops over texts, heads and rows."""
    width = len(q_norm)
    q, k, v = (x.unflatten(-1, (-1, width)) for x in (queries, keys, values))
    q = rotated(root_mean_square_norm(q, q_norm), theta)
    k = rotated(root_mean_square_norm(k, k_norm), theta)
    share = q.shape[2] // k.shape[2]
    out = torch.zeros_like(q)
    for text, count in enumerate(counts):
        for head in range(q.shape[2]):
            for row in range(q.shape[1]):
                seen = min(row + 1, count) if count or empty == "none" else q.shape[1]
                if seen:
                    scores = k[text, :seen, head // share] @ q[text, row, head] / width**0.5
                    out[text, row, head] = scores.softmax(0) @ v[text, :seen, head // share]
    return out.flatten(2)


def main(output):
    folder = output / "operators"
    random = generator(900)

    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    write_operator(
        folder / "rms_norm.safetensors", root_mean_square_norm,
        dict(x=normal(3, 35, 21), weight=normal(21, scale=0.3, mean=1)), seed=901)
    for name, seed, length, heads, key_heads, width, counts, empty in [
            ("causal_attention", 910, 9, 4, 2, 8, [9, 5, 1, 0], "none"),
            ("causal_attention_all", 920, 9, 4, 2, 8, [0, 7], "all"),
            ("causal_attention_long", 930, 150, 3, 1, 12, [150, 131], "none")]:
        random = generator(seed)
        inputs = dict(
            queries=normal(len(counts), length, heads * width), keys=normal(len(counts), length, key_heads * width),
            values=normal(len(counts), length, key_heads * width), q_norm=normal(width, scale=0.3, mean=1),
            k_norm=normal(width, scale=0.3, mean=1))
        theta = 1e4
        out = causal_attention(*(x.double() for x in inputs.values()), counts, theta, empty)
        write_tensors(
            folder / f"{name}.safetensors", inputs | dict(counts=torch.tensor(counts), out=out.float()),
            head_width=width, theta=theta, empty=empty, epsilon=1e-6)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().output)
