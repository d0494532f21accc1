"""Losses beside the squared error of the velocity: by frequency, and between the pictures of a batch."""
import math

import torch
import torch.nn.functional as F

LUMINANCE = torch.tensor([
    [16, 11, 10, 16, 24, 40, 51, 61], [12, 12, 14, 19, 26, 58, 60, 55], [14, 13, 16, 24, 40, 57, 69, 56],
    [14, 17, 22, 29, 51, 87, 80, 62], [18, 22, 37, 56, 68, 109, 103, 77], [24, 35, 55, 64, 81, 104, 113, 92],
    [49, 64, 78, 87, 103, 121, 120, 101], [72, 92, 95, 98, 112, 100, 103, 99]], dtype=torch.float32)
CHROMINANCE = torch.full((8, 8), 99.0)
CHROMINANCE[:4, :4] = torch.tensor([[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]])
TO_YCBCR = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def dct_matrix(n=8):
    """Orthonormal DCT-II: row k holds the k-th cosine."""
    i = torch.arange(n, dtype=torch.float32)
    m = torch.cos(math.pi * (2 * i + 1) * i[:, None] / (2 * n)) * math.sqrt(2 / n)
    m[0] = math.sqrt(1 / n)
    return m


def dct_weights(quality=85, gamma=1.0):
    """[3, 8, 8] for Y, Cb, Cr: (mean Q / Q)^gamma with JPEG's tables Q of that quality, over its own mean."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality

    def weight(base):
        q = ((base * scale + 50) / 100).floor().clamp(1, 255)
        w = (q.mean() / q) ** gamma
        return w / w.mean()

    return torch.stack([weight(LUMINANCE), weight(CHROMINANCE), weight(CHROMINANCE)])


def dct_loss(got, want, quality=85, gamma=1.0):
    """DeCo's frequency loss on velocities [B, 3, H, W]: mean of w (DCT of the difference)^2, in 8 x 8 blocks.

    Sides that 8 does not divide are reflected at the right and below (without repeating the edge). All of it is
    linear in the difference, so one transform is enough, and its gradient is the transposed one:
    dL/d(got) = 2 / n * A^T M^T (w * (M d M^T)) M with A the colour matrix, n the number of coefficients.
    """
    d = torch.einsum("ij,bjhw->bihw", TO_YCBCR.to(got), got - want)
    H, W = d.shape[2:]
    if H % 8 or W % 8:
        d = F.pad(d, (0, -W % 8, 0, -H % 8), mode="reflect")
    m = dct_matrix().to(d)
    blocks = d.unfold(2, 8, 8).unfold(3, 8, 8)  # [B, 3, H/8, W/8, 8, 8]
    w = dct_weights(quality, gamma).to(d)[None, :, None, None]
    return (w * (m @ blocks @ m.T).square()).mean()


def dispersive_loss(features, temperature=1.0):
    """The paper's (2506.09027): log of the mean over ALL pairs, i = j too, of exp(-|z_i - z_j|^2 / (D temperature)).

    A sample's features [B, ...] are flattened to D numbers. The published code has no temperature (1).
    """
    z = features.flatten(1)
    d = (z[:, None] - z[None]).square().sum(-1) / z.shape[1]
    return torch.exp(-d / temperature).mean().log()


def pixnerd_dispersive_loss(tokens, temperature=1.0):
    """The one in PixNerd's repository: tokens [B, N, D] averaged over N, distances not divided by D, i = j left out.

    log(sum over i != j of exp(-|m_i - m_j|^2 / temperature) / B^2 + 1e-6).
    """
    m = tokens.mean(1)
    k = torch.exp(-(m[:, None] - m[None]).square().sum(-1) / temperature)
    k = k * (1 - torch.eye(len(m), dtype=k.dtype, device=k.device))
    return (k.sum() / k.numel() + 1e-6).log()
