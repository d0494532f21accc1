"""What a network is trained to give, and its loss, in PixNerd's convention: t = 0 is noise, t = 1 is data.

x_t = t x + (1 - t) e and v = x - e, with e the noise scale times a standard normal.
"""
import torch


def of_pictures(t, x):
    """One number per picture, shaped to multiply x."""
    return t.reshape(-1, *[1] * (x.dim() - 1))


def patches_of(x, side):
    """[B, C, H, W] -> [B, N, C side^2], numbers of a patch in the order C, y, x (as PixNerd's embedder reads them)."""
    B, C, H, W = x.shape
    x = x.reshape(B, C, H // side, side, W // side, side).permute(0, 2, 4, 1, 3, 5)
    return x.reshape(B, -1, C * side * side)


def picture_of(p, side, channels, rows, cols):
    """[B, N, C side^2] -> [B, C, H, W], the inverse of `patches_of`."""
    p = p.reshape(len(p), rows, cols, channels, side, side).permute(0, 3, 1, 4, 2, 5)
    return p.reshape(len(p), channels, rows * side, cols * side)


def noise_basis(pictures, side, rank):
    """[C side^2, rank], orthonormal: the last eigenvectors of the patches' second moments (no mean is subtracted)."""
    p = patches_of(pictures, side).flatten(0, 1).double()
    return torch.linalg.eigh(p.T @ p)[1][:, p.shape[1] - rank:].float()


def velocity_of(target, out, x_t, t, floor=0.05, basis=None, side=None):
    """What the network's output says of v. target: "velocity", "picture" (JiT) or "asymmetric" (AsymFlow).

    velocity    v = out
    picture     v = (out - x_t) / max(1 - t, floor)
    asymmetric  out is x - P e with P = U U^T on each patch: v = P out + (1 - P)(out - x_t) / max(1 - t, floor)

    JiT uses floor 0.05 in training and in sampling. AsymFlow takes 1e-6 in training, where the loss's own factor
    (see `flow_loss`) does the rest, and 0.04 in sampling. Rank C side^2 is velocity, rank 0 is picture.
    """
    if target == "velocity":
        return out
    rest = of_pictures((1 - t).clamp_min(floor), x_t)
    if target == "picture":
        return (out - x_t) / rest
    B, C, H, W = x_t.shape
    a, z = patches_of(out, side), patches_of(x_t, side)
    inside = a @ basis @ basis.T
    beyond = (a - z) - (a - z) @ basis @ basis.T
    v = inside + beyond / rest.reshape(B, 1, 1)
    return picture_of(v, side, C, H // side, W // side)


def flow_loss(target, out, x, noise, t, floor=0.05, basis=None, side=None):
    """(loss, v of the network, v of the data), the latter two as they enter the loss.

    velocity: mean (out - (x - e))^2. The others: both velocities have 1 / max(1 - t, floor) in place of 1 / (1 - t),
    that is c v with c = (1 - t) / max(1 - t, floor), so that times close to data do not outweigh the rest.
    """
    x_t = of_pictures(t, x) * x + of_pictures(1 - t, x) * noise
    if target == "velocity":
        got, want = out, x - noise
    elif target == "picture":
        rest = of_pictures((1 - t).clamp_min(floor), x)
        got, want = (out - x_t) / rest, (x - x_t) / rest
    else:
        c = of_pictures((1 - t) / (1 - t).clamp_min(floor), x)
        got = c * velocity_of(target, out, x_t, t, floor=1e-6, basis=basis, side=side)
        want = c * (x - noise)
    return (got - want).square().mean(), got, want


def time_weight(kind, t, threshold=5.0):
    """Factor of the squared error of v at time t. r = t / (1 - t) is alpha / sigma.

    The first four are PixNerd's (DeCo, PixelGen) own `loss_weight_fn`: there "minsnr" is the LARGER of r and 5 and
    "maxsnr" the smaller, with r not squared. "min_snr" is the paper's (2303.09556): min(r^2, 5) on the error of x,
    which is (1 - t)^2 min(r^2, 5) on that of v.
    """
    r = t / (1 - t)
    return {
        "constant": lambda: torch.ones_like(t),
        "inverse_sigma": lambda: 1 / (1 - t) ** 2,
        "snr": lambda: r,
        "minsnr": lambda: r.clamp(min=threshold),
        "maxsnr": lambda: r.clamp(max=threshold),
        "min_snr": lambda: (r * r).clamp(max=threshold) * (1 - t) ** 2,
    }[kind]()
