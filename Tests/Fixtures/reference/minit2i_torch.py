"""MiniT2I in plain PyTorch under its published names (without the prefix `model.net.`): denoiser, loss and sampler.

Shapes: B images, C channels, P patch side, N = (H/P)(W/P) patches, L places of a text, E width of its rows, D width of
tokens, d of a head. Time runs from 0, noise, to 1, the image, and is not told to the network, which gives the image.
"""
import torch
from torch import nn
from torch.nn import functional

SCALE = 2.0  # of the noise


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * self.weight


class GatedLayer(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.w1, self.w3 = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x):
        return self.w2(functional.silu(self.w1(x)) * self.w3(x))


def along(count, width):
    """Angles of `count` places, [count, width]."""
    return torch.outer(torch.arange(count).float(), 10000.0 ** (-torch.arange(width) / width))


def over_grid(rows, columns, of_rows, of_columns):
    """Features of rows beside those of columns, [rows * columns, ...]."""
    rows_of, columns_of = of_rows[:, None].expand(-1, columns, -1), of_columns[None].expand(rows, -1, -1)
    return torch.cat([rows_of, columns_of], -1).flatten(0, 1)


def rotated(x, angles):
    """x [B, N, heads, d], whose halves are rotated with each other by angles [N, d / 2]."""
    first, second = x.chunk(2, -1)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


class Block(nn.Module):
    """A block over one stream of tokens for each prefix, with one attention over all of them."""

    def __init__(self, prefixes, width, heads, head, inner):
        super().__init__()
        self.prefixes, self.heads = prefixes, heads
        self.q_norm, self.k_norm = RMSNorm(head), RMSNorm(head)
        for prefix in prefixes:
            for name, layer in {"norm1": RMSNorm(width), "norm2": RMSNorm(width),
                                "qkv": nn.Linear(width, 3 * heads * head),
                                "attn_proj": nn.Linear(heads * head, width), "mlp": GatedLayer(width, inner)}.items():
                self.add_module(prefix + name, layer)

    def forward(self, streams, angles):
        def layer(prefix, name):
            return self.get_submodule(prefix + name)

        parts = [layer(p, "qkv")(layer(p, "norm1")(x)) for p, x in zip(self.prefixes, streams)]
        q, k, v = torch.cat(parts, 1).unflatten(-1, (3, self.heads, -1)).unbind(2)
        q, k = rotated(self.q_norm(q), angles), rotated(self.k_norm(k), angles)
        attended = nn.functional.scaled_dot_product_attention(*(z.transpose(1, 2) for z in (q, k, v)))
        answers = attended.transpose(1, 2).flatten(2)
        out = []
        for p, x, answer in zip(self.prefixes, streams, answers.split([x.shape[1] for x in streams], 1)):
            x = x + layer(p, "attn_proj")(answer)
            out.append(x + layer(p, "mlp")(layer(p, "norm2")(x)))
        return out


class MiniT2I(nn.Module):
    def __init__(self, width, heads, head, inner, depth, patch, bottleneck, rows, text_blocks=2, channels=3):
        super().__init__()
        self.patch, self.channels, self.head = patch, channels, head
        self.img_embedder = nn.ModuleDict(dict(
            proj1=nn.Conv2d(channels, bottleneck, patch, patch, bias=False), proj2=nn.Conv2d(bottleneck, width, 1)))
        self.txt_embedder = nn.Linear(rows, width, bias=False)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, rows))
        sizes = width, heads, head, inner
        self.txt_preamble_blocks = nn.ModuleList(Block([""], *sizes) for _ in range(text_blocks))
        self.double_blocks = nn.ModuleList(Block(["txt_", "img_"], *sizes) for _ in range(depth))
        self.final_layer = nn.ModuleDict(dict(
            norm_final=RMSNorm(width), linear=nn.Linear(width, patch * patch * channels)))

    def forward(self, x, states, keep):
        """x [B, C, H, W], states [B, L, E], keep [B, L] -> the image, [B, C, H, W]."""
        text = self.txt_embedder(torch.where(keep[..., None] > 0, states, self.mask_token))
        places = along(text.shape[1], self.head // 2)
        for block in self.txt_preamble_blocks:
            [text] = block([text], places)
        rows, columns = x.shape[2] // self.patch, x.shape[3] // self.patch
        image = self.img_embedder["proj2"](self.img_embedder["proj1"](x)).flatten(2).mT
        of_rows, of_columns = (along(count, image.shape[-1] // 4) for count in (rows, columns))
        waves = [torch.cat([a.sin(), a.cos()], -1) for a in (of_rows, of_columns)]
        # Added positions have the column first, rotary ones the row.
        image = image + over_grid(rows, columns, *waves).roll(image.shape[-1] // 2, -1)
        of_rows, of_columns = (along(count, self.head // 4) for count in (rows, columns))
        angles = torch.cat([places, over_grid(rows, columns, of_rows, of_columns)])
        for block in self.double_blocks:
            text, image = block([text, image], angles)
        pixels = self.final_layer["linear"](self.final_layer["norm_final"](image))
        pixels = pixels.unflatten(-1, (self.patch, self.patch, self.channels)).unflatten(1, (rows, columns))
        return pixels.permute(0, 5, 1, 3, 2, 4).flatten(4).flatten(2, 3)


def loss(model, picture, noise, t, states, keep, floor):
    t = t[:, None, None, None]
    clean = model(t * picture + (1 - t) * SCALE * noise, states, keep)
    return ((clean - picture) / (1 - t).clamp(min=floor)).square().mean()


@torch.no_grad()
def sample(model, noise, states, keep, steps, guidance, interval, floor):
    """The images after each step of Euler's method."""
    x, path = SCALE * noise, []
    for step in range(steps):
        t = step / steps
        clean = model(x, states, keep)
        if interval[0] <= t <= interval[1]:
            bare = model(x, states, torch.zeros_like(keep))
            clean = bare + guidance * (clean - bare)
        x = x + (clean - x) / max(1 - t, floor) / steps
        path.append(x)
    return path


def pixels(x):
    return (x.clamp(-1, 1) * 127.5 + 128).clamp(0, 255).to(torch.uint8)
