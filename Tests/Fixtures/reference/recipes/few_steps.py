"""Losses of models of few steps. w(x_t, t, q) is the mean velocity from t to q >= t: x_q = x_t + (q - t) w.

MeanFlow counts time the other way; here t <= q, and w(x, t, t) is the velocity.
"""
import torch
import torch.nn.attention

from .guidance import guided
from .targets import of_pictures


def total_derivative(w, x, t, q, v):
    """(w, d/dt of w(x_t, t, q) along dx/dt = v) by forward mode, which PyTorch's fused attention lacks on CPUs."""
    with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        return torch.func.jvp(lambda x, t: w(x, t, q), (x, t), (v, torch.ones_like(t)))


def total_difference(w, x, t, q, v, h=5e-3, sides=2):
    """`total_derivative` by differences. Two sides: error ~ h^2 / 6 |w'''| + eps |w| / h, two evaluations.

    One side: error ~ h / 2 |w''| + 2 eps |w| / h, one evaluation more. Steps reach t - h and t + h > q: both are fine,
    w is a smooth function of all its arguments. Not in bf16: eps = 2^-8 makes the second term larger than w itself.
    """
    hv = h * v
    if sides == 1:
        here = w(x, t, q)
        return here, (w(x + hv, t + h, q) - here) / h
    ahead, behind = w(x + hv, t + h, q), w(x - hv, t - h, q)
    return (ahead + behind) / 2, (ahead - behind) / (2 * h)


def adaptive(square_sum, c=0.01):
    """MeanFlow's loss of a picture from its SUM of squares: s / (s + c) with the divisor held constant."""
    return square_sum / (square_sum + c).detach()


def meanflow_loss(w, x, noise, t, q):
    """MeanFlow (2505.13447): |w - sg(v + (q - t) dw/dt)|^2 with v = x - e both target and tangent."""
    x_t = of_pictures(t, x) * x + of_pictures(1 - t, x) * noise
    v = x - noise
    with torch.no_grad():
        _, slope = total_derivative(w, x_t, t, q, v)
    want = v + of_pictures(q - t, x) * slope
    got = w(x_t, t, q)
    return adaptive((got - want).square().flatten(1).sum(1)).mean()


def improved_meanflow_loss(w, x, noise, t, q):
    """Improved MeanFlow (2512.02012): V = w - (q - t) sg(dw/dt) against v, tangent = the net's own w(x_t, t, t).

    The target does not depend on the network any more. Their net has a second head for the tangent, with its own
    loss |head - v|^2; without one, w(x_t, t, t) is evaluated (one more forward pass without gradient).
    """
    x_t = of_pictures(t, x) * x + of_pictures(1 - t, x) * noise
    with torch.no_grad():
        tangent = w(x_t, t, t)
        _, slope = total_derivative(w, x_t, t, q, tangent)
    got = w(x_t, t, q) - of_pictures(q - t, x) * slope
    return adaptive((got - (x - noise)).square().flatten(1).sum(1)).mean()


def mean_velocity_of_picture(net):
    """Pixel MeanFlow (2601.22158): the net gives a picture; w = (net - x_t) / max(1 - t, 0.05)."""
    return lambda x, t, q, *rest: (net(x, t, q, *rest) - x) / of_pictures((1 - t).clamp_min(0.05), x)


def split_target(w, x_t, t, q, share):
    """SplitMeanFlow (2507.16884), no derivative: the interval's mean is that of its two parts.

    m = t + share (q - t); w(t, q) = share w(x_t, t, m) + (1 - share) w(x_m, m, q), x_m by the first jump. No gradient.
    """
    with torch.no_grad():
        m = t + share * (q - t)
        first = w(x_t, t, m)
        second = w(x_t + of_pictures(m - t, x_t) * first, m, q)
        k = of_pictures(share if torch.is_tensor(share) else torch.full_like(t, share), x_t)
        return k * first + (1 - k) * second


def split_loss(w, teacher, x, noise, t, q, share):
    """Pictures with q = t learn v = x - e, the others split_target of `teacher` (w itself or its moving average)."""
    x_t = of_pictures(t, x) * x + of_pictures(1 - t, x) * noise
    want = torch.where(of_pictures(q > t, x), split_target(teacher, x_t, t, q, share), x - noise)
    return (w(x_t, t, q) - want).square().mean()


def distill_guidance_loss(student, teacher, x, noise, t, labels, null, strength):
    """Guidance in one evaluation (2210.03142, first stage): the student, told the strength, learns the guided teacher.

    student(x_t, t, labels, strength), teacher(x_t, t, labels); the student starts as a copy of the teacher, with an
    embedding of the strength whose last layer is zero. Strengths are drawn anew, uniform or as exp(u log(1 + max)).
    """
    x_t = of_pictures(t, x) * x + of_pictures(1 - t, x) * noise
    with torch.no_grad():
        c, u = teacher(x_t, t, labels), teacher(x_t, t, torch.full_like(labels, null))
        want = guided(c, u, of_pictures(strength, x))
    return (student(x_t, t, labels, strength) - want).square().mean()
