"""Guidance, plain and as CFG-Zero* (arXiv 2503.18886)."""
from .targets import of_pictures


def guided(conditional, unconditional, strength):
    return unconditional + strength * (conditional - unconditional)


def guided_zero_star(conditional, unconditional, strength):
    """CFG-Zero* (2503.18886): the unconditional velocity is first scaled, picture by picture, to the conditional one.

    a = <c, u> / (|u|^2 + 1e-8); v = a u + strength (c - a u).
    """
    c, u = conditional.flatten(1), unconditional.flatten(1)
    a = (c * u).sum(1) / (u.square().sum(1) + 1e-8)
    au = of_pictures(a, conditional) * unconditional
    return au + strength * (conditional - au)
