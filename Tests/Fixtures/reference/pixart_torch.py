"""PixArt in plain PyTorch: alpha (arXiv 2310.00426) and Sigma (2403.04692), under the names of the published `.pth` files.

Shapes: B images, C latent channels, P patch side, N = (H/P)(W/P) tokens, D width, L rows of a text. The network predicts
e (first C channels) and where the posterior's log variance lies between its two bounds (last C). Steps 0 ... 999, 0
nearest to data, may be fractions. `to_diffusers` renames a state dict.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

def step_features(step, width=256):
    """[B] -> [B, width]: cosines of all frequencies, then sines; frequency i is 10000^(-i / (width/2))."""
    half = width // 2
    rate = torch.exp(-math.log(10000.0) / half * torch.arange(half, dtype=torch.float32))
    phase = step.float()[:, None] * rate
    return torch.cat([phase.cos(), phase.sin()], dim=1)


def positions(width, rows, cols, base, interpolation):
    """[1, rows*cols, width]. Row i lies at i * base / (rows * interpolation), columns likewise: every picture spans
    the same square. A quarter each: sines of x, cosines of x, sines of y, cosines of y (x is along the columns)."""
    rate = 10000.0 ** (-torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    x = (torch.arange(cols, dtype=torch.float64) * base / cols / interpolation)[:, None] * rate
    y = (torch.arange(rows, dtype=torch.float64) * base / rows / interpolation)[:, None] * rate
    x, y = torch.cat([x.sin(), x.cos()], 1), torch.cat([y.sin(), y.cos()], 1)
    grid = torch.cat([x[None].expand(rows, -1, -1), y[:, None].expand(-1, cols, -1)], dim=-1)
    return grid.reshape(1, rows * cols, width).float()


def perceptron(inputs, inner, outputs):
    """SiLU between two layers, published as mlp.0 and mlp.2."""
    return Named(mlp=nn.Sequential(nn.Linear(inputs, inner), nn.SiLU(), nn.Linear(inner, outputs)))


class Named(nn.Module):
    """A level of names without arithmetic of its own."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


class GeluMLP(nn.Module):
    def __init__(self, inputs, inner, outputs):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(inputs, inner), nn.Linear(inner, outputs)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))



def attend(q, k, v, heads, keep=None):
    """q [B, N, D], k and v [B, M, D]; keep [B, M] is true for keys that exist."""
    q, k, v = (t.unflatten(-1, (heads, -1)).transpose(1, 2) for t in (q, k, v))
    mask = None if keep is None else keep[:, None, None, :].bool()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """With `compress` (Sigma's option, in no published file): keys and values of every 2 x 2 tokens become one, by one
    depthwise convolution (stride = kernel = compress; begins as the mean) and one LayerNorm that both share."""

    def __init__(self, width, heads, compress=1, normalised=False):
        super().__init__()
        self.heads, self.compress = heads, compress
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        if compress > 1:
            self.sr = nn.Conv2d(width, width, compress, stride=compress, groups=width)
            self.norm = nn.LayerNorm(width)
            nn.init.constant_(self.sr.weight, 1 / compress**2)
            nn.init.zeros_(self.sr.bias)
        if normalised:  # over the whole width, before the heads are split; eps 1e-5
            self.q_norm, self.k_norm = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x, grid):
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        if self.compress > 1:
            k, v = (self.norm(self.sr(t.transpose(1, 2).unflatten(2, grid)).flatten(2).transpose(1, 2)) for t in (k, v))
        return self.proj(attend(q, k, v, self.heads))


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_linear, self.kv_linear = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x, caption, keep):
        k, v = self.kv_linear(caption).chunk(2, dim=-1)
        return self.proj(attend(self.q_linear(x), k, v, self.heads, keep))



class Block(nn.Module):
    """adaLN-single: the six vectors are the table of the block plus what the step gives to all blocks alike.
    The caption enters between attention and MLP, neither normalised nor modulated nor gated."""

    def __init__(self, width, heads, compress=1, normalised=False):
        super().__init__()
        self.attn = SelfAttention(width, heads, compress, normalised)
        self.cross_attn = CrossAttention(width, heads)
        self.mlp = GeluMLP(width, 4 * width, width)
        self.scale_shift_table = nn.Parameter(torch.randn(6, width) / width**0.5)

    def forward(self, x, shared, caption, keep, grid):
        """x [B, N, D], shared [B, 6, D], caption [B, L, D], keep [B, L] or None."""
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.scale_shift_table + shared).unsqueeze(2).unbind(1)
        x = x + gate1 * self.attn(layer_norm(x) * (1 + scale1) + shift1, grid)
        x = x + self.cross_attn(x, caption, keep)
        return x + gate2 * self.mlp(layer_norm(x) * (1 + scale2) + shift2)


def layer_norm(x):
    return F.layer_norm(x, x.shape[-1:], eps=1e-6)


class PixArt(nn.Module):
    def __init__(self, width=1152, heads=16, depth=28, patch=2, channels=4, caption_width=4096, tokens=120,
                 positions=(32, 1.0), sizes=False, compress=1, compressed_blocks=(), normalised=False, variance=True):
        super().__init__()
        self.width, self.patch, self.out = width, patch, channels * (2 if variance else 1)
        self.base, self.interpolation = positions
        self.x_embedder = Named(proj=nn.Conv2d(channels, width, patch, stride=patch))
        self.t_embedder = perceptron(256, width, width)
        self.t_block = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        self.y_embedder = Named(y_proj=GeluMLP(caption_width, width, width))
        # The caption that means none, before y_proj. A buffer: saved, but no optimiser ever moved it.
        self.y_embedder.register_buffer("y_embedding", torch.randn(tokens, caption_width) / caption_width**0.5)
        if sizes:  # alpha-1024-MS alone
            self.csize_embedder, self.ar_embedder = (perceptron(256, width // 3, width // 3) for _ in range(2))
        self.blocks = nn.ModuleList(
            Block(width, heads, compress if i in compressed_blocks else 1, normalised) for i in range(depth))
        self.final_layer = Named(linear=nn.Linear(width, patch * patch * self.out))
        self.final_layer.scale_shift_table = nn.Parameter(torch.randn(2, width) / width**0.5)

    def condition(self, step, size=None, ratio=None):
        """[B, D]. size [B, 2] is (height, width) in pixels, ratio [B] height / width. Three thirds: height, width, ratio."""
        c = self.t_embedder.mlp(step_features(step))
        if hasattr(self, "csize_embedder"):
            sides = self.csize_embedder.mlp(step_features(size.flatten())).unflatten(0, (-1, 2)).flatten(1)
            c = c + torch.cat([sides, self.ar_embedder.mlp(step_features(ratio.flatten()))], dim=1)
        return c

    def embed(self, x):
        rows, cols = x.shape[-2] // self.patch, x.shape[-1] // self.patch
        tokens = self.x_embedder.proj(x).flatten(2).transpose(1, 2)
        return tokens + positions(self.width, rows, cols, self.base, self.interpolation).to(x), (rows, cols)

    def head(self, x, c, grid):
        """The table is added to the step's embedding itself (no SiLU, no linear layer): shift, then scale."""
        shift, scale = (self.final_layer.scale_shift_table + c[:, None]).chunk(2, dim=1)
        x = self.final_layer.linear(layer_norm(x) * (1 + scale) + shift)  # a token: [P, P, channels], channels fastest
        x = x.unflatten(1, grid).unflatten(-1, (self.patch, self.patch, self.out))
        return x.permute(0, 5, 1, 3, 2, 4).flatten(4, 5).flatten(2, 3)

    def forward(self, x, step, caption, keep=None, size=None, ratio=None):
        """[B, C, H, W] -> [B, 2C, H, W]. caption [B, L, caption width] is T5's last hidden state; keep [B, L]."""
        c = self.condition(step, size, ratio)
        shared = self.t_block(c).unflatten(1, (6, -1))
        caption = self.y_embedder.y_proj(caption)
        x, grid = self.embed(x)
        for block in self.blocks:
            x = block(x, shared, caption, keep, grid)
        return self.head(x, c, grid)


BLOCK_NAMES = {"attn.proj": "attn1.to_out.0", "cross_attn.q_linear": "attn2.to_q", "cross_attn.proj": "attn2.to_out.0",
               "mlp.fc1": "ff.net.0.proj", "mlp.fc2": "ff.net.2", "attn.q_norm": "attn1.q_norm", "attn.k_norm": "attn1.k_norm"}
BLOCK_SPLITS = {"attn.qkv": ("attn1.to_q", "attn1.to_k", "attn1.to_v"), "cross_attn.kv_linear": ("attn2.to_k", "attn2.to_v")}
NAMES = {"x_embedder.proj": "pos_embed.proj", "t_block.1": "adaln_single.linear", "final_layer.linear": "proj_out",
         "y_embedder.y_proj.fc1": "caption_projection.linear_1", "y_embedder.y_proj.fc2": "caption_projection.linear_2"}
for ours, theirs in {"t": "timestep", "csize": "resolution", "ar": "aspect_ratio"}.items():
    for ours_layer, theirs_layer in ((0, 1), (2, 2)):
        NAMES[f"{ours}_embedder.mlp.{ours_layer}"] = f"adaln_single.emb.{theirs}_embedder.linear_{theirs_layer}"
NAMES = {f"{a}.{kind}": f"{b}.{kind}" for a, b in NAMES.items() for kind in ("weight", "bias")}
NAMES["final_layer.scale_shift_table"] = "scale_shift_table"
LOST = ("y_embedder.y_embedding", "pos_embed")  # diffusers has neither: it takes T5's answer to "" for no caption


def block_to_diffusers(state):
    """Names below blocks.{i} -> names below transformer_blocks.{i}."""
    out = {}
    for name, value in state.items():
        stem, _, kind = name.rpartition(".")
        if stem in BLOCK_SPLITS:
            out |= {f"{part}.{kind}": piece for part, piece in zip(BLOCK_SPLITS[stem], value.chunk(len(BLOCK_SPLITS[stem])))}
        else:
            out[f"{BLOCK_NAMES[stem]}.{kind}" if stem else name] = value
    return out


def _renamed_blocks(state, old, new, block):
    groups, rest = {}, {}
    for name, value in state.items():
        if name.startswith(old):
            index, _, inner = name[len(old):].partition(".")
            groups.setdefault(index, {})[inner] = value
        else:
            rest[name] = value
    return {f"{new}{i}.{n}": v for i, group in groups.items() for n, v in block(group).items()}, rest


def to_diffusers(state):
    blocks, rest = _renamed_blocks(state, "blocks.", "transformer_blocks.", block_to_diffusers)
    return blocks | {NAMES[n]: v for n, v in rest.items() if n not in LOST}
