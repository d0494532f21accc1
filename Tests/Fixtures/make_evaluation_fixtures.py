"""Reference values for the measures of Sources/Evaluation, by scipy, scikit-image, torch-fidelity and numpy.

The pictures are made by a formula, so that only results are stored.
"""

import os

import numpy as np
import scipy.linalg
import scipy.ndimage
import scipy.stats
import torch
from safetensors.numpy import save_file

# torchvision's compiled operators need a PyTorch of its own kind; only its model definitions are used.
register_fake = torch.library.register_fake
torch.library.register_fake = lambda *arguments, **options: lambda function: function
import torchvision  # noqa: E402, F401

torch.library.register_fake = register_fake

from pytorch_fid.fid_score import calculate_frechet_distance  # noqa: E402
from skimage.metrics import peak_signal_noise_ratio, structural_similarity  # noqa: E402
from torch_fidelity.metric_isc import isc_features_to_metric  # noqa: E402
from torch_fidelity.metric_kid import kernel_poly, mmd2  # noqa: E402
from torch_fidelity.metric_prc import calculate_precision_recall_full  # noqa: E402

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "evaluation")


def formula_pictures(count, height, width, kind):
    """uint8 [count, height, width, 3]: kind 0 is noise, kind 1 is smooth with edges, kind 2 has seams every 8 pixels."""
    n, y, x, c = np.meshgrid(*[np.arange(s, dtype=np.uint64) for s in (count, height, width, 3)], indexing="ij")
    noise = (x * 2654435761 + y * 2246822519 + c * 3266489917 + n * 374761393) & 0xFFFFFFFF
    noise = ((noise ^ (noise >> np.uint64(15))) * 668265263) & 0xFFFFFFFF
    noise = (noise >> np.uint64(24)).astype(np.uint8)
    if kind == 0:
        return noise
    smooth = (x * (n + 1) * 3 + y * (c + 2) * 2 + (x // 11 + y // 7) % 3 * 40 + n * 17) % 200
    smooth = smooth.astype(np.int64) + noise // 32
    if kind == 2:
        smooth = smooth + 25 * ((x // 8 + y // 8) % 2).astype(np.int64)
    return np.clip(smooth, 0, 255).astype(np.uint8)


def frechet(random, tensors):
    for name, counts in {"full": (300, 260), "fewer": (20, 30)}.items():
        size = 48
        mix = random.normal(size=(size, size)) / 6
        a = (random.normal(size=(counts[0], size)) @ mix + 3).astype(np.float32)
        b = (random.normal(size=(counts[1], size)) @ mix * 1.2 + 3.1).astype(np.float32)
        statistics = [(x.astype(np.float64).mean(0), np.cov(x.astype(np.float64), rowvar=False)) for x in (a, b)]
        (m1, s1), (m2, s2) = statistics
        if name == "full":
            root = scipy.linalg.sqrtm(s1 @ s2)
            distance = (m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * np.trace(root).real
        else:
            # Of so few rows scipy's root is noise; the trace is the sum of the singular values of centred products.
            x, y = [(f - f.mean(0)) / np.sqrt(len(f) - 1) for f in (a.astype(np.float64), b.astype(np.float64))]
            root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
            distance = (m1 - m2) @ (m1 - m2) + np.trace(s1) + np.trace(s2) - 2 * root
        tensors[f"frechet.{name}.a"], tensors[f"frechet.{name}.b"] = a, b
        tensors[f"frechet.{name}.distance"] = np.array([distance])
        tensors[f"frechet.{name}.mean"], tensors[f"frechet.{name}.covariance"] = m1, s1
    # A repeated picture: weights.
    counts = random.integers(0, 4, size=300)
    repeated = np.repeat(tensors["frechet.full.a"].astype(np.float64), counts, axis=0)
    tensors["frechet.counts"] = counts
    tensors["frechet.repeated.mean"] = repeated.mean(0)
    tensors["frechet.repeated.covariance"] = np.cov(repeated, rowvar=False)
    assert np.isclose(
        calculate_frechet_distance(*[v for x in ("a", "b") for v in (
            tensors[f"frechet.full.{x}"].astype(np.float64).mean(0),
            np.cov(tensors[f"frechet.full.{x}"].astype(np.float64), rowvar=False))]),
        tensors["frechet.full.distance"][0])


def kernel(random, tensors):
    x = random.normal(size=(40, 24)).astype(np.float32)
    y = (random.normal(size=(40, 24)) * 1.1 + 0.2).astype(np.float32)
    options = {"kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None, "kid_kernel_poly_coef0": 1}
    a, b = x.astype(np.float64), y.astype(np.float64)
    value = mmd2(kernel_poly(a, a, **options), kernel_poly(a, b, **options), kernel_poly(b, b, **options))
    tensors["kernel.a"], tensors["kernel.b"], tensors["kernel.distance"] = x, y, np.array([value])


def manifold(random, tensors):
    real = random.normal(size=(120, 6)).astype(np.float32) + 5
    generated = (random.normal(size=(90, 6)) * 0.8 + 5.3).astype(np.float32)
    precision, recall = calculate_precision_recall_full(
        torch.tensor(generated, dtype=torch.float64), torch.tensor(real, dtype=torch.float64), 3)
    tensors["manifold.real"], tensors["manifold.generated"] = real, generated
    tensors["manifold.expected"] = np.array([precision, recall])


def inception_score(random, tensors):
    logits = (random.normal(size=(60, 20)) * 3).astype(np.float32)
    expected = []
    for splits in (1, 3):
        result = isc_features_to_metric(torch.tensor(logits), splits, shuffle=False)
        expected += [result["inception_score_mean"], result["inception_score_std"]]
    tensors["score.logits"], tensors["score.expected"] = logits, np.array(expected)


def pairs(tensors):
    for height, width in ((32, 32), (17, 40)):
        a, b = formula_pictures(3, height, width, 1), formula_pictures(3, height, width, 2)
        tensors[f"pairs.{height}x{width}.psnr"] = np.array(
            [peak_signal_noise_ratio(p, q, data_range=255) for p, q in zip(a, b)])
        tensors[f"pairs.{height}x{width}.ssim"] = np.array([
            structural_similarity(
                p, q, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
            for p, q in zip(a, b)])


def pyramid_levels(pictures, count):
    """As in section 5 of the paper on progressive growing: float64 [N, C, H, W] for each level."""
    weights = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1])[None, None] / 256
    current = pictures.transpose(0, 3, 1, 2).astype(np.float64)
    levels = []
    for _ in range(count - 1):
        smaller = scipy.ndimage.convolve(current, weights, mode="mirror")[:, :, ::2, ::2]
        apart = np.zeros_like(current)
        apart[:, :, ::2, ::2] = smaller
        levels.append(current - scipy.ndimage.convolve(apart, weights * 4, mode="mirror"))
        current = smaller
    return levels + [current]


def wasserstein(random, tensors):
    for level, planes in enumerate(pyramid_levels(formula_pictures(2, 64, 32, 1), 2)):
        tensors[f"pyramid.{level}"] = planes[1].astype(np.float32)
    a = (random.normal(size=(64, 147)) * 2 + np.repeat([1, 5, 9], 49)).astype(np.float32)
    b = (random.normal(size=(64, 147)) * np.repeat([1, 2, 3], 49)).astype(np.float32)
    directions = random.normal(size=(16, 147))
    directions = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).astype(np.float32)

    def normalized(rows):
        rows = rows.astype(np.float64).reshape(-1, 3, 49)
        rows = rows - rows.mean((0, 2), keepdims=True)
        return (rows / rows.std((0, 2), keepdims=True)).reshape(-1, 147)

    def projected(rows):
        return np.sort(normalized(rows) @ directions.astype(np.float64).T, axis=0)

    tensors["wasserstein.a"], tensors["wasserstein.b"] = a, b
    tensors["wasserstein.directions"] = directions
    tensors["wasserstein.expected"] = np.array([np.abs(projected(a) - projected(b)).mean()])
    # Other numbers of rows, and rows that count several times, against scipy's own.
    counts = random.integers(0, 4, size=64)
    x, y = [normalized(rows) @ directions.astype(np.float64).T for rows in (a, b)]
    tensors["wasserstein.counts"] = counts
    tensors["wasserstein.resampled"] = np.array([
        np.mean([scipy.stats.wasserstein_distance(x[:, d], y[:, d], v_weights=counts) for d in range(16)])])
    tensors["wasserstein.uneven"] = np.array([
        np.mean([scipy.stats.wasserstein_distance(
            x[:, d], (normalized(b[:40]) @ directions.astype(np.float64).T)[:, d]) for d in range(16)])])


def spectrum(tensors):
    for height, width in ((32, 32), (15, 24)):
        means = []
        for kind in (0, 1):
            pictures = formula_pictures(3, height, width, kind).astype(np.float64) @ [0.299, 0.587, 0.114]
            window = np.outer(*[0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(s) + 0.5) / s) for s in (height, width)])
            faded = (pictures - pictures.mean((1, 2), keepdims=True)) * window
            power = np.abs(np.fft.fft2(faded)) ** 2 / (window ** 2).sum()
            frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
            rings = np.floor(frequency * min(height, width) + 0.5 + 1e-9).astype(int)
            means.append(np.array([
                power[:, rings == ring].mean() for ring in range(1, min(height, width) // 2 + 1)]))
        tensors[f"spectrum.{height}x{width}.0"], tensors[f"spectrum.{height}x{width}.1"] = means
        decibel = [10 * np.log10(m + 1 / 12) for m in means]
        tensors[f"spectrum.{height}x{width}.distance"] = np.array([np.sqrt(np.mean((decibel[0] - decibel[1]) ** 2))])


def seams(tensors):
    for kind in (1, 2):
        pictures = formula_pictures(4, 48, 64, kind).astype(np.float64) @ [0.299, 0.587, 0.114]
        energies = [
            (np.arange(1, 64), (np.diff(pictures, axis=2) ** 2).mean(1)),
            (np.arange(1, 48), (np.diff(pictures, axis=1) ** 2).mean(2)),
        ]

        def ratio(period):
            at = np.concatenate([e[:, place % period == 0].ravel() for place, e in energies])
            other = np.concatenate([e[:, place % period != 0].ravel() for place, e in energies])
            return at.mean() / other.mean()

        others = [p for p in range(4, 17) if 8 % p and p % 8]
        tensors[f"seams.{kind}"] = np.array([ratio(8), ratio(8) / np.mean([ratio(p) for p in others])])


def main():
    os.makedirs(HERE, exist_ok=True)
    random = np.random.default_rng(20251121)
    tensors = {}
    frechet(random, tensors)
    kernel(random, tensors)
    manifold(random, tensors)
    inception_score(random, tensors)
    pairs(tensors)
    wasserstein(random, tensors)
    spectrum(tensors)
    seams(tensors)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()},
              os.path.join(HERE, "measures.safetensors"))


if __name__ == "__main__":
    main()
