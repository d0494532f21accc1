"""Makes the fixtures of the plain DiT (Peebles and Xie, arXiv 2212.09748, adaLN-Zero).

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_dit_fixtures.py            # rewrites dit/ beside this file
    .venv/bin/python make_dit_fixtures.py --output /tmp/fixtures

dit/tiny.pt  a checkpoint with the layout of the training script of facebookresearch/DiT: model, ema, opt, args, and the
             number of heads, which the tensors do not tell. Only x_embedder and final_layer.linear differ between model
             and ema, the other tensors share their storage.
dit/tiny-{reference,wide,limits}.safetensors  `velocity` of the EMA weights for latents `x`, flow times `t` and classes
             `y`, with the steps on the way to it: diffusion time `s`, network input `z` and predicted noise `epsilon`.
             `reference` is the size of training, `wide` is 16x24, `limits` has t = 0 and t = 1. Computed in float64
             from float32 weights and inputs, stored as float32.

From diffusion to flow
----------------------
A DiT is a diffusion model: it predicts the noise e in z_s = alpha_s x + sigma_s e, where alpha_s = sqrt(abar_s),
sigma_s = sqrt(1 - abar_s) and abar_s is the product of 1 - beta_i over i = 0...s, with 1000 betas evenly spaced from
1e-4 to 0.02. We sample flows: x_t = t x + (1 - t) e, from noise at t = 0 to data at t = 1, with the velocity
v = E[x - e | x_t] (Lipman et al., arXiv 2210.02747). Both paths are linear in the same x and e, so at equal
signal-to-noise ratio one is a multiple of the other, and the posterior of x and e is the same (Karras et al., arXiv
2206.00364, appendix B; Kingma and Gao, arXiv 2303.00848):

1. s solves alpha_s / sigma_s = t / (1 - t).
2. z = x_t alpha_s / t = x_t / n(t), with n(t) = sqrt(t^2 + (1 - t)^2), as alpha_s^2 + sigma_s^2 = 1.
3. epsilon = net(z, s). From x = (x_t - (1 - t) e) / t follows v = x - e = (x_t - epsilon) / t.

The network was trained at integer steps. Between them the log signal-to-noise ratio L(s) = ln(abar_s / (1 - abar_s)) is
interpolated linearly in s; L falls strictly, so step 1 has one solution. The network accepts fractional s.

The steps 0...999 only reach t from t_least = 0.00631 (s = 999) to t_most = 0.99010 (s = 0). Outside, the flow is
evaluated at c = clamp(t, t_least, t_most) and at x_c = x_t n(c) / n(t), which has the same z:
v = (x_t n(c) / n(t) - epsilon) / c. This is continuous in t and finite at t = 0, where it does what diffusion samplers
do: it treats pure noise as z_999.

v is affine in epsilon, so classifier-free guidance of velocities equals guidance of the predicted noise.
"""
import argparse
import math
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from torch import nn

from make_fixtures import write_tensors

LARGEST_TOTAL = 1_500_000  # bytes
TINY = dict(width=64, heads=4, depth=3, patch=2, channels=4, classes=8, side=8)


# The network

def axis_positions(places, width):
    """[N] -> [N, width]: sines of every frequency 10000^(-i / (width / 2)), then cosines."""
    rate = 10000.0 ** (-torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    angle = places.double()[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def grid_positions(rows, columns, width):
    """[1, rows*columns, width], patches row by row: the first half embeds the column, the second half the row."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    axes = [axis_positions(places.flatten(), width // 2) for places in (column, row)]
    return torch.cat(axes, dim=1)[None]


def time_features(s, width=256):
    """[B] -> [B, width]: cosines of every frequency exp(-ln(10000) i / (width / 2)), then sines."""
    rate = torch.exp(-math.log(10000) * torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    phase = s.double()[:, None] * rate
    return torch.cat([phase.cos(), phase.sin()], dim=1)


def modulated_norm(x, shift, scale):
    """LayerNorm without weights of x [B, N, D], then (1 + scale) x + shift with [B, D] each."""
    return F.layer_norm(x, x.shape[-1:], eps=1e-6) * (1 + scale[:, None]) + shift[:, None]


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        # the 3D outputs are (q, k, v), each (head, number in the head)
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))


class FeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.attn = Attention(width, heads)
        self.mlp = FeedForward(width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x, condition):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(condition).chunk(6, dim=1)
        x = x + gate1[:, None] * self.attn(modulated_norm(x, shift1, scale1))
        return x + gate2[:, None] * self.mlp(modulated_norm(x, shift2, scale2))


class FinalLayer(nn.Module):
    def __init__(self, width, outputs):
        super().__init__()
        self.linear = nn.Linear(width, outputs)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width))

    def forward(self, x, condition):
        shift, scale = self.adaLN_modulation(condition).chunk(2, dim=1)
        return self.linear(modulated_norm(x, shift, scale))


class PatchEmbedding(nn.Module):
    def __init__(self, channels, patch, width):
        super().__init__()
        self.proj = nn.Conv2d(channels, width, patch, stride=patch)

    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)


class TimeEmbedding(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, s):
        return self.mlp(time_features(s).to(self.mlp[0].weight.dtype))


class ClassEmbedding(nn.Module):
    """Class `classes`, the last row, is the unconditional one."""

    def __init__(self, classes, width):
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)

    def forward(self, y):
        return self.embedding_table(y)


class DiT(nn.Module):
    """[B, C, H, W] latents at diffusion times [B] with classes [B] -> [B, 2C, H, W]: noise, then its variance."""

    def __init__(self, width, heads, depth, patch, channels, classes, side):
        super().__init__()
        self.patch, self.side = patch, side
        self.x_embedder = PatchEmbedding(channels, patch, width)
        self.t_embedder = TimeEmbedding(width)
        self.y_embedder = ClassEmbedding(classes, width)
        self.pos_embed = nn.Parameter(grid_positions(side, side, width).float(), requires_grad=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_layer = FinalLayer(width, patch * patch * 2 * channels)

    def forward(self, z, s, y):
        rows, columns = z.shape[2] // self.patch, z.shape[3] // self.patch
        positions = self.pos_embed
        if (rows, columns) != (self.side, self.side):
            positions = grid_positions(rows, columns, positions.shape[-1]).to(positions.dtype)
        x = self.x_embedder(z) + positions
        condition = self.t_embedder(s) + self.y_embedder(y)
        for block in self.blocks:
            x = block(x, condition)
        # [B, rows*columns, p*p*2C] -> [B, rows, columns, p, p, 2C] -> [B, 2C, H, W]
        x = self.final_layer(x, condition).unflatten(1, (rows, columns)).unflatten(-1, (self.patch, self.patch, -1))
        return x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)


# From diffusion to flow

BETAS = numpy.linspace(1e-4, 0.02, 1000)
KEPT = numpy.cumprod(1 - BETAS)  # abar
LOG_RATIOS = numpy.log(KEPT / (1 - KEPT))


def flow_time(log_ratio):
    """t with ln(t^2 / (1 - t)^2) = log_ratio."""
    return 1 / (1 + math.exp(-log_ratio / 2))


LEAST_TIME, MOST_TIME = flow_time(LOG_RATIOS[999]), flow_time(LOG_RATIOS[0])


def norm(t):
    return math.hypot(t, 1 - t)


def diffusion_time(t):
    """s in 0...999 for t between LEAST_TIME and MOST_TIME."""
    log_ratio = 2 * math.log(t / (1 - t))
    return float(numpy.interp(-log_ratio, -LOG_RATIOS, numpy.arange(1000)))


def velocity(network, x, times):
    """Velocity of the flow for a network that predicts noise; `network(z, s)` has the shape of z.

    - x: [B, C, H, W]; times: B numbers in 0...1.
    - Returns velocity, s, z and the predicted noise.
    """
    clamped = [min(max(t, LEAST_TIME), MOST_TIME) for t in times]
    column = lambda values: torch.tensor(values, dtype=x.dtype)[:, None, None, None]
    s = torch.tensor([diffusion_time(c) for c in clamped], dtype=torch.float64)
    z = x / column([norm(t) for t in times])
    epsilon = network(z, s)
    return (z * column([norm(c) for c in clamped]) - epsilon) / column(clamped), s, z, epsilon


def check_velocity():
    """Compares with Gaussian data, of which the best noise prediction and the velocity are known."""
    standard_deviation = 0.7
    x = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None, None, None]

    def predicted_noise(z, s):
        kept = 1 / (1 + numpy.exp(-numpy.interp(s.numpy(), numpy.arange(1000), LOG_RATIOS)))
        kept = torch.from_numpy(kept)[:, None, None, None]
        return (1 - kept).sqrt() * z / (kept * standard_deviation ** 2 + 1 - kept)

    for t in [0.0064, 0.02, 0.3, 0.5, 0.77, 0.99]:
        variance = (t * standard_deviation) ** 2 + (1 - t) ** 2
        exact = (t * standard_deviation ** 2 - (1 - t)) / variance * x
        torch.testing.assert_close(velocity(predicted_noise, x, [t] * 5)[0], exact, rtol=1e-9, atol=1e-9)
    # at t = 0, x - e has the mean -e up to the signal left in z_999
    torch.testing.assert_close(velocity(predicted_noise, x, [0.0] * 5)[0], -x, rtol=0.02, atol=0)


# Files

def normal(generator, *shape):
    return torch.randn(*shape, generator=generator)


def random_model(generator):
    """A DiT whose tensors are all random, none zero, but for the positions."""
    model = DiT(**TINY)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if name != "pos_embed":
                fan = tensor[0].numel() if tensor.dim() > 1 else 0
                scale = 0.2 if name.endswith("bias") else 1.0 if "embedding_table" in name else fan ** -0.5
                tensor.copy_(normal(generator, *tensor.shape) * scale)
    return model.eval()


def make_checkpoint(folder, average, generator):
    ema = average.state_dict()
    model = {name: normal(generator, *tensor.shape) * 0.1
             if name.startswith(("x_embedder", "final_layer.linear")) else tensor for name, tensor in ema.items()}
    args = {"model": "tiny", "image_size": 8 * TINY["side"] * TINY["patch"], "num_classes": TINY["classes"],
            "vae": "ema", "global_seed": 0}
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"model": model, "ema": dict(ema), "opt": {}, "args": args, "num_heads": TINY["heads"]},
               folder / "tiny.pt")


def make_reference(path, model, generator, height, width, times, classes):
    double = DiT(**TINY).double().eval()
    double.load_state_dict(model.state_dict())
    channels = TINY["channels"]
    x = normal(generator, len(times), channels, height, width)
    # the file holds float32: compute from what it holds
    t, y = torch.tensor(times), torch.tensor(classes)
    with torch.no_grad():
        v, s, z, epsilon = velocity(lambda z, s: double(z, s, y)[:, :channels], x.double(), t.double().tolist())
    tensors = {"x": x, "t": t, "y": y, "velocity": v.float(), "s": s.float(), "z": z.float(),
               "epsilon": epsilon.float()}
    write_tensors(path, tensors, heads=TINY["heads"])


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures of the plain DiT.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    folder = parser.parse_args().output / "dit"
    torch.set_num_threads(1)
    check_velocity()
    generator = torch.Generator().manual_seed(2212_09748)
    model = random_model(generator)
    make_checkpoint(folder, model, generator)
    null = TINY["classes"]
    make_reference(folder / "tiny-reference.safetensors", model, generator, 16, 16, [0.3, 0.85], [3, null])
    make_reference(folder / "tiny-wide.safetensors", model, generator, 16, 24, [0.06, 0.5], [0, 7])
    make_reference(folder / "tiny-limits.safetensors", model, generator, 16, 16, [0.0, 1.0], [5, null])
    total = sum(path.stat().st_size for path in folder.iterdir())
    assert total < LARGEST_TOTAL, f"{total} bytes are more than {LARGEST_TOTAL}"
    print(f"{len(list(folder.iterdir()))} files, {total} bytes")


if __name__ == "__main__":
    main()
