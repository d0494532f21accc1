"""Averages of the weights whose length is chosen after training (EDM2, arXiv 2312.02696)."""
import math

import numpy as np


def gamma_of_sigma(sigma):
    """The largest real root of (g + 2)^2 (g + 3) = (g + 1) / sigma^2, by Newton from above: 0.05 -> 16.97."""
    q = sigma ** -2
    g = math.sqrt(q)  # lies above the root, where the cubic is convex
    for _ in range(100):
        f = g ** 3 + 7 * g ** 2 + (16 - q) * g + 12 - q
        g -= f / (3 * g ** 2 + 14 * g + 16 - q)
    return g


def power_decay(gamma, step):
    """beta of average <- beta average + (1 - beta) weights after step 1, 2, 3, ... : (1 - 1/step)^(gamma + 1).

    The first step copies the weights, so no start value is left. Uneven updates: (1 - elapsed / now)^(gamma + 1).
    """
    return (1 - 1 / step) ** (gamma + 1)


def profile_product(step_a, gamma_a, step_b, gamma_b):
    """Inner product of two profiles p(s) = (gamma + 1) / T (s / T)^gamma on [0, T]."""
    low = np.minimum(step_a, step_b)
    gamma_low = np.where(step_a <= step_b, gamma_a, gamma_b)
    gamma_high = np.where(step_a <= step_b, gamma_b, gamma_a)
    high = np.maximum(step_a, step_b)
    return (gamma_a + 1) * (gamma_b + 1) / (gamma_low + gamma_high + 1) * (low / high) ** gamma_high / high


def reconstruction_weights(steps, gammas, step, gamma):
    """Weights, summing to 1, of stored averages so that their sum is nearest the average of length gamma at `step`.

    Least squares over profiles: A w = b with A_ij = <p_i, p_j>, b_i = <p_i, p>; float64, A is ill-conditioned.
    Stored averages later than `step` must not be given.
    """
    T, g = np.asarray(steps, np.float64), np.asarray(gammas, np.float64)
    a = profile_product(T[:, None], g[:, None], T[None], g[None])
    b = profile_product(T, g, np.float64(step), np.float64(gamma))
    w = np.linalg.solve(a, b)
    return w / w.sum()


def profile_of(step, gamma):
    """What share of weights 1 ... step each has in the average as it is really kept."""
    p = np.zeros(step)
    for s in range(1, step + 1):
        beta = power_decay(gamma, s)
        p[:s - 1] *= beta
        p[s - 1] = 1 - beta
    return p
