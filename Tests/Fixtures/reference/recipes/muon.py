"""Muon, in the precision of its inputs."""
import math

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalized(g, steps=5, coefficients=NEWTON_SCHULZ, eps=1e-7):
    """Singular values of g moved to about 1 (0.7 ... 1.2): X = g / |g|; X <- a X + (b A + c A A) X, A = X X^T.

    The smaller side is put first. Published code does this in bf16; here in g's own precision.
    """
    a, b, c = coefficients
    x = g.T if g.shape[0] > g.shape[1] else g
    x = x / x.norm().clamp_min(eps)
    for _ in range(steps):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if g.shape[0] > g.shape[1] else x


def muon_step(weight, gradient, momentum, rate, beta=0.95, decay=0.0, scaling="adamw"):
    """One step in place: momentum <- b momentum + (1 - b) g; u = b momentum + (1 - b) g (Nesterov); orthogonalise u.

    scaling "adamw": times 0.2 sqrt(larger side) (2502.16982), so that AdamW's rate and decay may stay; "original":
    times sqrt(max(1, rows / columns)) with rates near 0.02. weight [out, in].
    """
    momentum.lerp_(gradient, 1 - beta)
    u = orthogonalized(gradient.lerp(momentum, beta))
    rows, cols = weight.shape
    scale = 0.2 * math.sqrt(max(rows, cols)) if scaling == "adamw" else math.sqrt(max(1, rows / cols))
    weight.mul_(1 - rate * decay).sub_(rate * scale * u)
