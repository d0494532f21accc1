"""DPM-Solver++ (arXiv 2211.01095) and UniPC (arXiv 2302.04867) on the exact flow of a mixture of Gaussians.

alpha = t, sigma = 1 - t, l = log(t / (1 - t)), and m = x_t + (1 - t) v is the picture.
"""
import torch


def _log_ratio(t):
    t = torch.as_tensor(t, dtype=torch.float64)
    return torch.log(t) - torch.log1p(-t)


def multistep_coefficients(t, order, kind="unipc"):
    """For each step i from t[i] to t[i+1]: (a, b) with x' = a x + sum_k b_k m_{i-k}, k = 0 ... order - 1.

    kind "dpm" is DPM-Solver++(2M), midpoint form (2211.01095), order 1 or 2; "unipc" is UniP (2302.04867)
    with B2, any order. A step that ends at t = 1 (l infinite) is of first order: it returns m. So is the first, having
    no past, and the second where t[0] = 0 (l = -infinity carries nothing). float64.
    """
    t = torch.as_tensor(t, dtype=torch.float64)
    l = _log_ratio(t)
    rows = []
    for i in range(len(t) - 1):
        past = [k for k in range(1, order) if i - k >= 0 and torch.isfinite(l[i - k])]
        p = 1 + len(past) if (t[i + 1] < 1 and torch.isfinite(l[i])) else 1
        p = min(p, len(t) - 1 - i) if t[-1] == 1 else p  # as diffusers' lower_order_final: ... 3, 2, 1
        a = (1 - t[i + 1]) / (1 - t[i])
        first = t[i + 1] - t[i] * a  # = -alpha' (e^-h - 1), also at h = infinity
        b = torch.zeros(order, dtype=torch.float64)
        b[0] = first
        if p > 1:
            h = l[i + 1] - l[i]
            r = torch.stack([(l[i - k] - l[i]) / h for k in past[:p - 1]])  # negative
            if kind == "dpm" or p == 2:
                rho = torch.tensor([0.5], dtype=torch.float64)  # UniP-2's published simplification, too
            else:
                rho = _unified(r, h, corrector=False)
            for k, (rk, c) in enumerate(zip(r, rho), 1):
                b[k] += first * c / rk
                b[0] -= first * c / rk
        rows.append((a, b))
    return rows


def _unified(r, h, corrector):
    """UniPC's rho: sum_k rho_k r_k^(n-1) = n! phi_(n+1)-like moments over B(h), n = 1 ... p, with hh = -h."""
    hh = -h
    points = torch.cat([r, torch.ones(1, dtype=torch.float64)])
    size = len(points) if corrector else len(points) - 1
    base = torch.expm1(hh)
    phi, factorial, moments = torch.expm1(hh) / hh - 1, 1.0, []
    for n in range(1, len(points) + 1):
        moments.append(phi * factorial / base)
        factorial *= n + 1
        phi = phi / hh - 1 / factorial
    powers = torch.stack([points ** n for n in range(len(points))])
    return torch.linalg.solve(powers[:size, :size], torch.stack(moments)[:size])


def corrector_coefficients(t, order):
    """UniC: when m at t[i+1] is known, the step i is done again: x' = a x + sum_k b_k m_{i-k} + c m_{i+1}. float64.

    Costs no evaluation, because m at the predicted x is kept as it is. None where it is not applied: steps that end
    at t = 1 or begin at t = 0.
    """
    t = torch.as_tensor(t, dtype=torch.float64)
    l = _log_ratio(t)
    rows = []
    for i in range(len(t) - 1):
        if not (t[i + 1] < 1 and torch.isfinite(l[i])):
            rows.append(None)
            continue
        past = [k for k in range(1, order) if i - k >= 0 and torch.isfinite(l[i - k])]
        past = past[:max(0, len(t) - 2 - i)] if t[-1] == 1 else past
        h = l[i + 1] - l[i]
        a = (1 - t[i + 1]) / (1 - t[i])
        first = t[i + 1] - t[i] * a
        b = torch.zeros(order, dtype=torch.float64)
        b[0] = first
        if past:
            r = torch.stack([(l[i - k] - l[i]) / h for k in past])
            rho = _unified(r, h, corrector=True)
        else:
            r, rho = torch.zeros(0), torch.tensor([0.5], dtype=torch.float64)
        for k, rk in enumerate(r, 1):
            b[k] += first * rho[k - 1] / rk
            b[0] -= first * rho[k - 1] / rk
        c = first * rho[-1]
        b[0] -= c
        rows.append((a, b, c))
    return rows


@torch.no_grad()
def sample_multistep(velocity, noise, t, order=2, kind="unipc"):
    """velocity(x, t) with t a number; t ascending. One evaluation for each step, at t[0] ... t[-2]."""
    pred = multistep_coefficients(t, order, kind)
    corr = corrector_coefficients(t, order) if kind == "unipc" else [None] * len(pred)
    x, before, kept = noise, None, []
    for i, (a, b) in enumerate(pred):
        m = x + (1 - float(t[i])) * velocity(x, float(t[i]))
        if i and corr[i - 1] is not None:
            ca, cb, cc = corr[i - 1]
            x = ca * before + sum(c * k for c, k in zip(cb, kept) if c) + cc * m
        kept = [m] + kept[:order - 1]
        before = x
        x = a * x + sum(c * k for c, k in zip(b, kept) if c)
    return x


def mixture_velocity(x, t, means, stds, shares):
    """Exact v for data that is a mixture of Gaussians, means [K, D], one std each: E[x - e | x_t]."""
    s2 = t * t * stds ** 2 + (1 - t) ** 2
    d = x[:, None] - t * means
    log = shares.log() - 0.5 * d.square().sum(-1) / s2 - means.shape[1] / 2 * s2.log()
    r = torch.softmax(log, 1)
    picture = means + (t * stds ** 2 / s2)[None, :, None] * d
    noise = ((1 - t) / s2)[None, :, None] * d
    return (r[..., None] * (picture - noise)).sum(1)
