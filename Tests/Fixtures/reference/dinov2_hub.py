"""A compact PyTorch statement of the DINOv2 of torch.hub (Oquab et al., arXiv 2304.07193), for features only.

Parameter names are those of the published `dinov2_vit*_pretrain.pth` files, so a state dict moves either way. Written
from the paper and those names, apart from transformers' version, which the fixtures are made from besides.

Shapes: B images, p patch side, N patches, R register tokens, D width.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)


class Holder(nn.Module):
    """Gives children the extra level that their published names carry."""

    def __init__(self, **children):
        super().__init__()
        for name, child in children.items():
            setattr(self, name, child)


class Scale(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        B, N, D = x.shape
        q, k, v = self.qkv(x).reshape(B, N, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-1, -2) / math.sqrt(D // self.heads)).softmax(-1)
        return self.proj((weights @ v).transpose(1, 2).reshape(B, N, D))


class Mlp(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGLU(nn.Module):
    """The feed-forward layer of ViT-g: one linear layer makes gate and value."""

    def __init__(self, width, inner):
        super().__init__()
        self.w12, self.w3 = nn.Linear(width, 2 * inner), nn.Linear(inner, width)

    def forward(self, x):
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class Block(nn.Module):
    def __init__(self, width, heads, inner, swiglu):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.ls1, self.ls2 = Scale(width), Scale(width)
        self.mlp = (SwiGLU if swiglu else Mlp)(width, inner)

    def forward(self, x):
        x = x + self.ls1.gamma * self.attn(self.norm1(x))
        return x + self.ls2.gamma * self.mlp(self.norm2(x))


class DINOv2(nn.Module):
    def __init__(self, width, depth, heads, inner, patch=14, grid=37, registers=0, swiglu=False):
        super().__init__()
        self.grid, self.registers = grid, registers
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + grid * grid, width))
        if registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, registers, width))
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.patch_embed = Holder(proj=nn.Conv2d(3, width, patch, patch))
        self.blocks = nn.ModuleList([Block(width, heads, inner, swiglu) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)

    def positions(self, rows, columns):
        """[1, 1 + rows * columns, D].

        Without registers the grid is scaled by (rows + 0.1) / grid, and the scale itself, not the ratio of the sizes,
        says where the new cells lie. Models with registers take the size, with antialiasing.
        """
        if rows == columns == self.grid:
            return self.pos_embed
        patches = self.pos_embed[:, 1:].unflatten(1, (self.grid, self.grid)).permute(0, 3, 1, 2)
        if self.registers:
            patches = F.interpolate(patches, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            scale = ((rows + 0.1) / self.grid, (columns + 0.1) / self.grid)
            patches = F.interpolate(patches, scale_factor=scale, mode="bicubic")
        assert patches.shape[-2:] == (rows, columns)
        return torch.cat([self.pos_embed[:, :1], patches.flatten(2).transpose(1, 2)], dim=1)

    def forward(self, x):
        """x [B, 3, H, W], normalised, to the normalised patch tokens [B, N, D]."""
        tokens = self.patch_embed.proj(x)
        rows, columns = tokens.shape[-2:]
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens.flatten(2).transpose(1, 2)], dim=1)
        tokens = tokens + self.positions(rows, columns)
        if self.registers:
            registers = self.register_tokens.expand(len(x), -1, -1)
            tokens = torch.cat([tokens[:, :1], registers, tokens[:, 1:]], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.norm(tokens)[:, 1 + self.registers:]


def preprocessed(image, patch=14, base_patch=16):
    """[B, 3, H, W] in [0, 1]: ImageNet's mean and deviation, then bicubic to patch H / base_patch."""
    mean, deviation = (torch.tensor(values)[:, None, None] for values in (MEAN, DEVIATION))
    height, width = (side * patch // base_patch for side in image.shape[-2:])
    return F.interpolate((image - mean) / deviation, size=(height, width), mode="bicubic")
