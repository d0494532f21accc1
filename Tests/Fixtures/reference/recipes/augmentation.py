"""Augmentation that a model is told of (EDM, arXiv 2206.00364; after arXiv 2006.06676)."""
import math

import torch
import torch.nn.functional as F


def draw_augmentation(n, p=0.12, generator=None, aniso_rotation=0.5):
    """Nine raw numbers [n, 9]: flip x, flip y, scale, angle, stretch, its angle, shift x, shift y; last unused = 0.

    Mirroring in x has probability 1/2 always; each other transform happens with probability p (mirroring in y then
    with 1/2). aniso_rotation: EDM stretches along x or y in half of the cases; k-diffusion always rotates (1.0).
    """
    u = lambda: torch.rand(n, generator=generator)
    z = lambda: torch.randn(n, generator=generator)
    on = lambda: (u() < p).float()
    coin = lambda: (u() < 0.5).float()
    angle = lambda: (u() * 2 - 1) * math.pi
    flip_x, flip_y = coin(), coin() * on()
    scale, turn = z() * on(), angle() * on()
    do = on()
    stretch, axis = z() * do, angle() * (u() < aniso_rotation).float() * do
    do = on()
    return torch.stack([flip_x, flip_y, scale, turn, stretch, axis, z() * do, z() * do, torch.zeros(n)], 1)


def augmentation_condition(a):
    """The nine numbers that the model is told: [flip x, flip y, scale, cos - 1, sin, s cos, s sin, shift x, shift y].

    All zero for a picture as it is; zeros when sampling.
    """
    fx, fy, sc, turn, st, ax, sx, sy, _ = a.unbind(1)
    return torch.stack([fx, fy, sc, turn.cos() - 1, turn.sin(), st * ax.cos(), st * ax.sin(), sx, sy], 1)


def augmentation_matrix(a, height, width, scale_std=0.2, aniso_std=0.2, shift_std=0.125):
    """[n, 3, 3]: from pixel positions (x, y, 1) of the source to those of the result, about the picture's centre.

    C flip_x flip_y scale rotate(-turn) rotate(axis) stretch rotate(-axis) shift C^-1: the shift acts FIRST on the
    source, being rightmost. Sizes are 2^(0.2 normal); the shift 1/8 of the side times a normal.
    """
    n = len(a)
    fx, fy, sc, turn, st, ax, sx, sy, _ = a.double().unbind(1)
    one, zero = torch.ones(n).double(), torch.zeros(n).double()
    mat = lambda *r: torch.stack(r, 1).view(n, 3, 3)
    move = lambda x, y: mat(one, zero, x, zero, one, y, zero, zero, one)
    size = lambda x, y: mat(x, zero, zero, zero, y, zero, zero, zero, one)
    turned = lambda h: mat(h.cos(), -h.sin(), zero, h.sin(), h.cos(), zero, zero, zero, one)
    s, r = torch.exp2(scale_std * sc), torch.exp2(aniso_std * st)
    c = move(one * (width / 2 - 0.5), one * (height / 2 - 0.5))
    m = c @ size(1 - 2 * fx, one) @ size(one, 1 - 2 * fy) @ size(s, s) @ turned(-turn)
    m = m @ turned(ax) @ size(r, 1 / r) @ turned(-ax) @ move(shift_std * width * sx, shift_std * height * sy)
    return m @ move(one * (-width / 2 + 0.5), one * (-height / 2 + 0.5))


def augment(x, matrix):
    """Bicubic, reflected at the edges. EDM and k-diffusion filter otherwise (sym6 wavelet; spline of order 3)."""
    B, C, H, W = x.shape
    back = torch.linalg.inv(matrix)
    yy, xx = torch.meshgrid(torch.arange(H).double(), torch.arange(W).double(), indexing="ij")
    src = back @ torch.stack([xx, yy, torch.ones_like(xx)]).reshape(3, -1)
    grid = torch.stack([src[:, 0] / (W - 1) * 2 - 1, src[:, 1] / (H - 1) * 2 - 1], -1).view(B, H, W, 2).to(x)
    return F.grid_sample(x, grid, mode="bicubic", padding_mode="reflection", align_corners=True)
