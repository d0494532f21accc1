"""A compact PyTorch statement of class-conditional PixNerd (arXiv 2507.23268): what the fixtures are made from.

Parameter names are those of the published checkpoints (under `denoiser.` and `ema_denoiser.` there).
Everything computes in the type of its inputs, so that `model.double()` gives a float64 reference.

Shapes: B images, C channels, P patch side, N = (H/P)(W/P) patches, D hidden size, h heads, d = D/h,
F field width (`hidden_size_x`), r field MLP ratio (`nerf_mlpratio`).
Time: t = 0 is pure noise, t = 1 is data; x_t = t x + (1 - t) e, v = x - e.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn


def timestep_features(t, width=256, max_period=10.0):
    """[B] -> [B, width]: cosines of every frequency, then sines of every frequency."""
    half = width // 2
    rate = torch.exp(-math.log(max_period) / half * torch.arange(half, dtype=t.dtype))
    phase = t[:, None] * rate
    return torch.cat([phase.cos(), phase.sin()], dim=1)


def rotary_table(head_width, rows, columns, theta=10000.0, extent=16.0, dtype=torch.float32):
    """[rows*columns, d/2, 2] cosine and sine. Angle pairs alternate x, y within a frequency.

    Positions run over linspace(0, extent) along each axis whatever the grid, so a
    larger image samples the same square more finely.
    """
    rate = theta ** (-torch.arange(0, head_width, 4, dtype=dtype) / head_width)  # [d/4]
    x = torch.linspace(0, extent, columns, dtype=dtype)[None, :, None] * rate  # [1, columns, d/4]
    y = torch.linspace(0, extent, rows, dtype=dtype)[:, None, None] * rate  # [rows, 1, d/4]
    angle = torch.stack([x.expand(rows, -1, -1), y.expand(-1, columns, -1)], dim=-1)
    angle = angle.reshape(rows * columns, head_width // 2)
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def rotate(x, table):
    """Rotate neighbouring pairs (2i, 2i+1) of x [B, N, h, d] by table [N, d/2, 2]."""
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    cosine, sine = table[:, None].unbind(-1)
    return torch.stack([even * cosine - odd * sine, even * sine + odd * cosine], dim=-1).flatten(-2)


def field_positions(patch_size, frequencies=8, dtype=torch.float32):
    """[P*P, 64] cosine products, each divided by 1 + fx fy. Pixels row by row; fx varies slowest.

    Frequencies are linspace(0, 8, 8), so 0, 8/7, ... 8; pixel positions linspace(0, 1, P).
    """
    frequency = torch.linspace(0, frequencies, frequencies, dtype=dtype)
    position = torch.linspace(0, 1, patch_size, dtype=dtype)
    basis = torch.cos(math.pi * position[:, None] * frequency)  # [P, 8]
    grid = basis[None, :, :, None] * basis[:, None, None, :]  # [y, x, fx, fy]
    return (grid / (1 + frequency[:, None] * frequency)).reshape(patch_size**2, frequencies**2)


class RMSNorm(nn.Module):
    def __init__(self, width, epsilon=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.epsilon))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.q_norm = RMSNorm(width // heads)
        self.k_norm = RMSNorm(width // heads)
        self.proj = nn.Linear(width, width)

    def forward(self, x, table):
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).unbind(2)  # each [B, N, h, d]
        query, key = rotate(self.q_norm(query), table), rotate(self.k_norm(key), table)
        y = F.scaled_dot_product_attention(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
        return self.proj(y.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    def __init__(self, width, ratio=4.0):
        super().__init__()
        inner = int(2 * int(width * ratio) / 3)
        self.w1 = nn.Linear(width, inner, bias=False)
        self.w3 = nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.w2(F.silu(self.w1(x)) * self.w3(x))


class DiTBlock(nn.Module):
    """x <- x + g1 Attn(m1(norm1 x)); x <- x + g2 MLP(m2(norm2 x)); m(x) = x (1 + scale) + shift."""

    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = RMSNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = RMSNorm(width)
        self.mlp = SwiGLU(width)
        self.adaLN_modulation = nn.Sequential(nn.Linear(width, 6 * width))

    def forward(self, x, condition, table):
        shift1, scale1, gate1, shift2, scale2, gate2 = self.adaLN_modulation(condition).chunk(6, dim=-1)
        x = x + gate1 * self.attn(self.norm1(x) * (1 + scale1) + shift1, table)
        return x + gate2 * self.mlp(self.norm2(x) * (1 + scale2) + shift2)


class FieldBlock(nn.Module):
    """One residual layer of a patch's own MLP; its two weight matrices come from the patch token."""

    def __init__(self, width, field, ratio):
        super().__init__()
        self.field, self.ratio = field, ratio
        self.param_generator1 = nn.Sequential(nn.Linear(width, 2 * field * field * ratio))
        self.norm = RMSNorm(field)

    def forward(self, x, token):
        """x [BN, P*P, F], token [BN, D]."""
        inner = self.field * self.ratio
        weight1, weight2 = self.param_generator1(token).chunk(2, dim=-1)
        weight1 = F.normalize(weight1.unflatten(-1, (self.field, inner)), dim=-2)  # unit columns
        weight2 = F.normalize(weight2.unflatten(-1, (inner, self.field)), dim=-2)
        return x + torch.bmm(F.silu(torch.bmm(self.norm(x), weight1)), weight2)


class Holder(nn.Module):
    """Gives a child the extra level that its published parameter name carries."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


class PixNerd(nn.Module):
    def __init__(self, hidden_size=1152, num_groups=16, num_blocks=30, num_cond_blocks=26,
                 patch_size=16, in_channels=3, hidden_size_x=64, nerf_mlpratio=2, num_classes=1000):
        super().__init__()
        self.width, self.heads, self.patch_size, self.conditioned = hidden_size, num_groups, patch_size, num_cond_blocks
        self.x_embedder = Holder(embedder=nn.Sequential(nn.Linear(in_channels + 64, hidden_size_x)))
        self.s_embedder = Holder(proj=nn.Linear(in_channels * patch_size**2, hidden_size))
        self.t_embedder = Holder(
            mlp=nn.Sequential(nn.Linear(256, hidden_size), nn.SiLU(), nn.Linear(hidden_size, hidden_size)))
        self.y_embedder = Holder(embedding_table=nn.Embedding(num_classes + 1, hidden_size))
        self.final_layer = Holder(norm=RMSNorm(hidden_size_x), linear=nn.Linear(hidden_size_x, in_channels))
        self.blocks = nn.ModuleList(
            [DiTBlock(hidden_size, num_groups) for _ in range(num_cond_blocks)]
            + [FieldBlock(hidden_size, hidden_size_x, nerf_mlpratio) for _ in range(num_cond_blocks, num_blocks)])
        nn.init.xavier_uniform_(self.s_embedder.proj.weight)
        nn.init.zeros_(self.s_embedder.proj.bias)
        nn.init.normal_(self.y_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[0].weight, std=0.02)
        nn.init.normal_(self.t_embedder.mlp[2].weight, std=0.02)
        nn.init.zeros_(self.final_layer.linear.weight)
        nn.init.zeros_(self.final_layer.linear.bias)

    def forward(self, x, t, y):
        """Velocity [B, C, H, W] at x [B, C, H, W], t [B], labels y [B] (num_classes stands for no class)."""
        B, C, H, W = x.shape
        P = self.patch_size
        rows, columns = H // P, W // P
        table = rotary_table(self.width // self.heads, rows, columns, dtype=x.dtype)
        patches = x.reshape(B, C, rows, P, columns, P).permute(0, 2, 4, 1, 3, 5)  # [B, rows, columns, C, P, P]
        time = self.t_embedder.mlp(timestep_features(t))[:, None]
        condition = F.silu(time + self.y_embedder.embedding_table(y)[:, None])
        tokens = self.s_embedder.proj(patches.reshape(B, rows * columns, C * P * P))
        for block in self.blocks[:self.conditioned]:
            tokens = block(tokens, condition, table)
        tokens = F.silu(time + tokens).reshape(B * rows * columns, self.width)
        pixels = patches.reshape(B * rows * columns, C, P * P).transpose(1, 2)
        positions = field_positions(P, dtype=x.dtype).expand(B * rows * columns, -1, -1)
        field = self.x_embedder.embedder(torch.cat([pixels, positions], dim=-1))
        for block in self.blocks[self.conditioned:]:
            field = block(field, tokens)
        velocity = self.final_layer.linear(self.final_layer.norm(field))  # [BN, P*P, C]
        velocity = velocity.transpose(1, 2).reshape(B, rows, columns, C, P, P)
        return velocity.permute(0, 3, 1, 4, 2, 5).reshape(B, C, H, W)


def shifted(t, shift):
    """The time that t becomes: t / (t + (1 - t) shift)."""
    return t / (t + (1 - t) * shift)


def flow_loss(model, x, y, t, noise, shift=1.0):
    """Flow matching: mean squared error of the velocity. t is given before the shift."""
    t = shifted(t, shift)
    a = t[:, None, None, None]
    return (model(a * x + (1 - a) * noise, t, y) - (x - noise)).square().mean()


def time_grid(steps, shift=1.0):
    """[steps + 1] times of the Euler sampler: linspace(0, 1 - 1/steps, steps) and 1, after the shift."""
    return shifted(torch.cat([torch.linspace(0, 1 - 1 / steps, steps), torch.ones(1)]), shift)


@torch.no_grad()
def sample_euler(model, noise, labels, null_label, steps=100, guidance=3.5, interval=(0.1, 1.0), shift=1.0):
    """Euler over the time grid; guidance strictly inside the interval."""
    grid = time_grid(steps, shift)
    x, y = noise, torch.cat([torch.full_like(labels, null_label), labels])
    for now, after in zip(grid[:-1], grid[1:]):
        without, with_class = model(torch.cat([x, x]), now.expand(2 * len(x)), y).chunk(2)
        scale = guidance if interval[0] < now < interval[1] else 1.0
        x = x + (after - now) * (without + scale * (with_class - without))
    return x
