"""Makes the numeric fixtures that the Swift tests compare against.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_fixtures.py            # rewrites pixnerd/ and operators/ beside this file
    .venv/bin/python make_fixtures.py --output /tmp/fixtures

pixnerd/    whole models in float32, as a PyTorch user would run them: checkpoint, velocities, training, sampling.
operators/  one file an operator. Inputs are float32; `out` and `grad.<input>` are computed from them in float64 and
            then stored as float32; `upstream` is the derivative of the loss by `out`.

Every file has its own seed, so that a new one leaves the others as they are. Numbers that a test needs beside the
tensors (heads, learning rate, ...) are strings in the file's metadata.
"""
import argparse
import copy
import json
import math
from pathlib import Path

import numpy
import torch
from safetensors.torch import load_file, save

from reference.linear_head_torch import LinearHeadDiT
from reference.pixnerd_torch import (
    PixNerd, RMSNorm, field_positions, rotary_table, sample_euler, timestep_features)
from reference.pixnerd_torch import losses as reference_losses
from reference.samplers import (
    adams_weights, guided_velocity, sample_adams, sample_heun, sample_stochastic, time_grid)

LARGEST_FILE = 900_000  # bytes
LARGEST_TOTAL = 11_500_000

TINY = dict(hidden_size=16, num_groups=2, num_blocks=5, num_cond_blocks=3, patch_size=4,
            in_channels=3, hidden_size_x=8, nerf_mlpratio=2, num_classes=5)
LATENT = dict(hidden_size=16, num_groups=2, num_cond_blocks=3, patch_size=2, in_channels=4, num_classes=5)
GREY = dict(hidden_size=24, num_groups=2, num_blocks=3, num_cond_blocks=2, patch_size=2,
            in_channels=1, hidden_size_x=6, nerf_mlpratio=3, num_classes=3)


# What the reference computes inside its functions

def double_timestep_features(t, width=256, max_period=10.0):
    """`timestep_features` in float64."""
    rate = torch.exp(-math.log(max_period) * torch.arange(width // 2, dtype=torch.float64) / (width // 2))
    phase = t.double()[:, None] * rate
    return torch.cat([phase.cos(), phase.sin()], dim=1)


# Files

def write_tensors(path, tensors, **metadata):
    """Saves float32, float64 or int64 tensors, all finite, with metadata values as strings."""
    for name, tensor in tensors.items():
        assert torch.isfinite(tensor).all(), f"{path.name}: {name} is not finite"
    path.parent.mkdir(parents=True, exist_ok=True)
    strings = {"format": "pt", "torch": torch.__version__.split("+")[0]}
    strings |= {key: str(value) for key, value in metadata.items()}
    data = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, metadata=strings)
    path.write_bytes(with_sorted_metadata(data))


def with_sorted_metadata(data):
    """The same safetensors file; the library writes metadata in an order that changes from run to run."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[8 + length:]


def write_json(path, entries):
    """A JSON object or list, one entry a line."""
    if isinstance(entries, dict):
        lines, brackets = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in entries.items()], "{}"
    else:
        lines, brackets = [json.dumps(value) for value in entries], "[]"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(brackets[0] + "\n  " + ",\n  ".join(lines) + "\n" + brackets[1] + "\n")


def check_sizes(folder):
    paths = [path for path in sorted(folder.glob("*/*")) if path.suffix in (".safetensors", ".json")]
    sizes = {path: path.stat().st_size for path in paths}
    for path, size in sizes.items():
        if path.suffix == ".safetensors":
            load_file(path)
        print(f"{size:8d}  {path.relative_to(folder)}")
        assert size < LARGEST_FILE, path
    print(f"{sum(sizes.values()):8d}  in all")
    assert sum(sizes.values()) < LARGEST_TOTAL


def generator(seed):
    return torch.Generator().manual_seed(seed)


# Models

@torch.no_grad()
def randomised_pair(configuration, seed, kind=PixNerd):
    """A model and its moving average, every parameter away from zero and one, so that all gradients flow."""
    torch.manual_seed(seed)
    random = generator(seed + 1)
    model = kind(**configuration)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=random)
        if "norm" in name:
            parameter.copy_(1 + 0.1 * noise)
        elif name.startswith("final_layer"):
            parameter.copy_(0.2 * noise)
        else:
            parameter.add_(0.05 * noise)
    average = copy.deepcopy(model)
    for parameter in average.parameters():
        parameter.add_(0.03 * torch.randn(parameter.shape, generator=random))
    return model, average


def named(prefix, model):
    """The model's parameters under `<prefix>.`, copied, so that later training does not change them."""
    return {f"{prefix}.{name}": parameter.detach().clone() for name, parameter in model.named_parameters()}


def write_checkpoint(path, configuration, model, average):
    write_tensors(path, named("denoiser", model) | named("ema_denoiser", average), **configuration)


@torch.no_grad()
def write_velocity(path, configuration, model, weights, height, width, seed):
    """Velocity at three images; the last label is the null class."""
    random = generator(seed)
    classes = configuration["num_classes"]
    x = torch.randn(3, configuration["in_channels"], height, width, generator=random)
    t = torch.rand(3, generator=random)
    y = torch.tensor([classes - 1, 1, classes])
    write_tensors(path, {"x": x, "t": t, "y": y, "velocity": model(x, t, y)},
                  height=height, width=width, weights=weights)


def write_training(path, configuration, model, average, height, width, steps, seed, learning_rate=1e-3,
                   ema_decay=0.9, weight_decay=0.0, shift=1.0, maximum_norm=None):
    """A run of AdamW from the checkpoint, every batch, time and noise in the file.

    `grad.*` are those of the first step, before clipping. `train.t` is before the shift. The average follows every
    step: ema = decay ema + (1 - decay) w. Weight decay acts on all parameters alike.
    """
    model, average = copy.deepcopy(model), copy.deepcopy(average)
    random = generator(seed)
    batch, classes = 3, configuration["num_classes"]
    shape = (steps, batch, configuration["in_channels"], height, width)
    x = torch.rand(shape, generator=random) * 2 - 1
    noise = torch.randn(shape, generator=random)
    t = torch.rand(steps, batch, generator=random)
    y = torch.arange(steps * batch).reshape(steps, batch) % (classes + 1)  # every class, the null class among them

    optimizer = torch.optim.AdamW(
        model.parameters(), lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay)
    losses, norms, gradients = [], [], {}
    for step in range(steps):
        loss = reference_losses(model, x[step], y[step], t[step], noise[step], shift=shift)["loss"]
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            gradients = {f"grad.denoiser.{name}": p.grad.clone() for name, p in model.named_parameters()}
            assert all(gradient.any() for gradient in gradients.values())
        if maximum_norm is not None:
            norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), maximum_norm))
            assert norms[-1] > 2 * maximum_norm
        optimizer.step()
        with torch.no_grad():
            for mean, parameter in zip(average.parameters(), model.parameters()):
                mean.copy_(ema_decay * mean + (1 - ema_decay) * parameter)
        losses.append(loss.detach())

    tensors = {"train.x": x, "train.y": y, "train.t": t, "train.noise": noise, "train.loss": torch.stack(losses)}
    if norms:
        tensors["train.gradient_norm"] = torch.stack(norms)
    tensors |= gradients | named("final.denoiser", model) | named("final.ema_denoiser", average)
    metadata = dict(steps=steps, learning_rate=learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8,
                    weight_decay=weight_decay, ema_decay=ema_decay, shift=shift)
    if maximum_norm is not None:
        metadata["max_norm"] = maximum_norm
    write_tensors(path, tensors, **metadata)


def write_sampling(path, configuration, average, seed):
    """Two runs of the Euler sampler from the same noise with the averaged weights."""
    noise = torch.randn(2, configuration["in_channels"], 16, 16, generator=generator(seed))
    labels = torch.tensor([1, 4])
    null_label = configuration["num_classes"]
    tensors = {
        "noise": noise,
        "labels": labels,
        "samples": sample_euler(average, noise, labels, null_label, 9, 3.5, (0.1, 1.0), 1.0),
        "samples_shifted": sample_euler(average, noise, labels, null_label, 6, 2.0, (0.3, 0.7), 3.0),
        "grid": time_grid(9, 1.0),
        "grid_shifted": time_grid(6, 3.0),
    }
    write_tensors(
        path, tensors, null_label=null_label,
        steps=9, guidance=3.5, interval_start=0.1, interval_end=1.0, shift=1.0,
        shifted_steps=6, shifted_guidance=2.0, shifted_interval_start=0.3, shifted_interval_end=0.7, shifted_shift=3.0)


def write_samplers(path, average, configuration):
    """Every sampler at nine steps from the seeds 11, 12, 13, with a shift, and the weights of Adams' steps."""
    noise = torch.stack([
        torch.randn((3, 16, 16), generator=torch.Generator().manual_seed(seed)) for seed in (11, 12, 13)])
    labels = torch.tensor([0, 2, 4])
    steps, shift = 9, 1.5
    grid = time_grid(steps, shift)
    velocity = guided_velocity(average, labels, configuration["num_classes"], 3.5, (0.1, 1.0))
    step_noise = torch.randn(steps - 1, *noise.shape, generator=generator(77))
    tensors = {
        "noise": noise, "labels": labels, "grid": grid, "grid_last_step": time_grid(5, 1.0, 0.04),
        "step_noise": step_noise,
        "samples.heun": sample_heun(velocity, noise, grid, exact=False),
        "samples.heun-exact": sample_heun(velocity, noise, grid, exact=True),
        "samples.sde": sample_stochastic(velocity, noise, grid, step_noise),
        "short_noise": torch.randn(21, generator=torch.Generator().manual_seed(5)),
        "shortest_noise": torch.randn(7, generator=torch.Generator().manual_seed(5)),
    }
    for order in (1, 2, 3, 4):
        tensors[f"samples.adams-{order}"] = sample_adams(velocity, noise, grid, order)
        tensors[f"weights.adams-{order}"] = torch.tensor([
            [0.0] * (order - len(weights)) + weights
            for weights in (adams_weights(grid[:i + 1][-order:], grid[i + 1]) for i in range(steps))])
    write_tensors(path, tensors, null_label=configuration["num_classes"], steps=steps, shift=shift)


def initial_distributions(model):
    """Shape and distribution of every parameter of a fresh model, from PyTorch's rules and the constructor's own."""
    distributions = {}
    for prefix, module in model.named_modules():
        if isinstance(module, torch.nn.Linear):
            bound = 1 / math.sqrt(module.in_features)  # kaiming_uniform_ with a = sqrt(5)
            distributions[f"{prefix}.weight"] = {"kind": "uniform", "bound": bound}
            if module.bias is not None:
                distributions[f"{prefix}.bias"] = {"kind": "uniform", "bound": bound}
        elif isinstance(module, RMSNorm):
            distributions[f"{prefix}.weight"] = {"kind": "ones"}
    patches = "x_embedder.proj" if isinstance(model, LinearHeadDiT) else "s_embedder.proj"
    patch_values, width = model.get_submodule(patches).in_features, model.width
    xavier_bound = math.sqrt(6 / (patch_values + width))
    distributions[f"{patches}.weight"] = {"kind": "uniform", "bound": xavier_bound}
    distributions[f"{patches}.bias"] = {"kind": "zeros"}
    for name in ["y_embedder.embedding_table", "t_embedder.mlp.0", "t_embedder.mlp.2"]:
        distributions[f"{name}.weight"] = {"kind": "normal", "std": 0.02}
    for name in distributions:
        if name.startswith(("final_layer.linear", "final_layer.adaLN_modulation")):
            distributions[name] = {"kind": "zeros"}
    return {name: {"shape": list(parameter.shape)} | distributions.pop(name)
            for name, parameter in model.named_parameters()}


def check_distributions(model, distributions):
    """The fresh model obeys what is said of it."""
    for name, parameter in model.named_parameters():
        said, largest = distributions[name], parameter.abs().max().item()
        deviation = parameter.square().mean().sqrt().item()
        slack = 4 / math.sqrt(parameter.numel())
        if said["kind"] == "zeros":
            assert not parameter.any(), name
        elif said["kind"] == "ones":
            assert (parameter == 1).all(), name
        elif said["kind"] == "uniform":
            assert largest <= said["bound"], name
            assert abs(deviation * math.sqrt(3) / said["bound"] - 1) < slack, name
        else:
            assert abs(deviation / said["std"] - 1) < slack, name


def make_models(folder):
    tiny, tiny_average = randomised_pair(TINY, seed=100)
    write_checkpoint(folder / "tiny-checkpoint.safetensors", TINY, tiny, tiny_average)
    for seed, (height, width) in enumerate([(16, 16), (24, 16), (8, 8)], start=110):
        path = folder / f"tiny-reference-{height}x{width}.safetensors"
        write_velocity(path, TINY, tiny_average, "ema_denoiser", height, width, seed)
    write_velocity(folder / "tiny-reference-raw-16x16.safetensors", TINY, tiny, "denoiser", 16, 16, seed=120)
    write_training(folder / "tiny-training.safetensors", TINY, tiny, tiny_average, 16, 16, steps=10, seed=130)
    write_training(folder / "tiny-training-clipped.safetensors", TINY, tiny, tiny_average, 16, 16, steps=5, seed=131,
                   weight_decay=0.1, shift=3.0, maximum_norm=0.05)
    write_sampling(folder / "tiny-sampling.safetensors", TINY, tiny_average, seed=140)
    write_samplers(folder / "tiny-samplers.safetensors", tiny_average, TINY)

    torch.manual_seed(150)
    fresh = PixNerd(**TINY)
    distributions = initial_distributions(fresh)
    check_distributions(fresh, distributions)
    write_json(folder / "tiny-initialisation.json", distributions)

    grey, grey_average = randomised_pair(GREY, seed=200)
    write_checkpoint(folder / "grey-checkpoint.safetensors", GREY, grey, grey_average)
    for seed, (height, width) in enumerate([(8, 8), (12, 6), (4, 4)], start=210):
        path = folder / f"grey-reference-{height}x{width}.safetensors"
        write_velocity(path, GREY, grey_average, "ema_denoiser", height, width, seed)
    write_velocity(folder / "grey-reference-raw-8x8.safetensors", GREY, grey, "denoiser", 8, 8, seed=220)
    write_training(folder / "grey-training.safetensors", GREY, grey, grey_average, 12, 6, steps=10, seed=230)

    linear, linear_average = randomised_pair(LATENT, seed=240, kind=LinearHeadDiT)
    write_checkpoint(folder / "linear-checkpoint.safetensors", LATENT, linear, linear_average)
    for seed, (height, width) in enumerate([(8, 8), (12, 6)], start=241):
        path = folder / f"linear-reference-{height}x{width}.safetensors"
        write_velocity(path, LATENT, linear_average, "ema_denoiser", height, width, seed)
    write_training(folder / "linear-training.safetensors", LATENT, linear, linear_average, 8, 6, steps=10, seed=245)
    torch.manual_seed(246)
    fresh = LinearHeadDiT(**LATENT)
    distributions = initial_distributions(fresh)
    check_distributions(fresh, distributions)
    write_json(folder / "linear-initialisation.json", distributions)


# Operators, stated in the plainest way, apart from the model above

def silu(x):
    return x / (1 + torch.exp(-x))


def root_mean_square_norm(x, weight):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-6) * weight


def linear(x, weight, bias=None):
    out = torch.einsum("bni,oi->bno", x, weight)
    return out if bias is None else out + bias


def modulated_rms_norm(x, weight, modulation, shift_chunk, scale_chunk):
    chunks = modulation[:, None].unflatten(-1, (6, -1))
    return root_mean_square_norm(x, weight) * (1 + chunks[..., scale_chunk, :]) + chunks[..., shift_chunk, :]


def modulated_layer_norm(x, modulation, parts=2, shift_chunk=0, scale_chunk=1):
    chunks = modulation[:, None].unflatten(-1, (parts, -1))
    shift, scale = chunks[..., shift_chunk, :], chunks[..., scale_chunk, :]
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt() * (1 + scale) + shift


def gated_residual(x, y, modulation, gate_chunk):
    return x + modulation[:, None].unflatten(-1, (6, -1))[..., gate_chunk, :] * y


def rotary_attention(qkv, q_norm, k_norm, heads, rows, columns):
    """Pairs of channels as complex numbers; token (row, column), pair 2i turns by x and 2i + 1 by y."""
    batch, tokens, _ = qkv.shape
    head_width = len(q_norm)
    query, key, value = qkv.reshape(batch, tokens, 3, heads, head_width).permute(2, 0, 3, 1, 4)  # [B, h, N, d]
    turns = torch.zeros(rows, columns, head_width // 2, dtype=torch.float64)
    for row in range(rows):
        for column in range(columns):
            for pair in range(head_width // 2):
                position = column / max(columns - 1, 1) if pair % 2 == 0 else row / max(rows - 1, 1)
                turns[row, column, pair] = 16 * position * 10000 ** (-4 * (pair // 2) / head_width)
    turns = torch.polar(torch.ones_like(turns), turns).reshape(tokens, head_width // 2)

    def turned(x, weight):
        pairs = torch.view_as_complex(root_mean_square_norm(x, weight).unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(pairs * turns).flatten(-2)

    scores = turned(query, q_norm) @ turned(key, k_norm).transpose(-1, -2) / math.sqrt(head_width)
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    out = weights / weights.sum(-1, keepdim=True) @ value
    return out.transpose(1, 2).reshape(batch, tokens, heads * head_width)


def swiglu(x, w1, w3, w2):
    return linear(silu(linear(x, w1)) * linear(x, w3), w2)


def neural_field(pixels, generated, embedder_weight, embedder_bias, norms, final_norm, final_weight, final_bias, ratio):
    """One small MLP a patch. pixels [BN, P*P, C], generated and norms one for each field block."""
    patches, count, _ = pixels.shape
    field = len(final_norm)
    positions = double_field_positions(math.isqrt(count)).expand(patches, -1, -1)
    z = linear(torch.cat([pixels, positions], dim=-1), embedder_weight, embedder_bias)
    for weights, norm in zip(generated, norms):
        first = weights[:, :field * field * ratio].reshape(patches, field, field * ratio)
        second = weights[:, field * field * ratio:].reshape(patches, field * ratio, field)
        first = first / torch.sqrt((first * first).sum(1, keepdim=True))
        second = second / torch.sqrt((second * second).sum(1, keepdim=True))
        z = z + silu(root_mean_square_norm(z, norm) @ first) @ second
    return linear(root_mean_square_norm(z, final_norm), final_weight, final_bias)


def double_field_positions(patch_size):
    """[P*P, 64] in float64, cell by cell."""
    cells = numpy.zeros((patch_size, patch_size, 8, 8))
    for row, column, i, j in numpy.ndindex(cells.shape):
        x_frequency, y_frequency = 8 / 7 * i, 8 / 7 * j
        x, y = column / (patch_size - 1), row / (patch_size - 1)
        cosines = math.cos(math.pi * x * x_frequency) * math.cos(math.pi * y * y_frequency)
        cells[row, column, i, j] = cosines / (1 + x_frequency * y_frequency)
    return torch.from_numpy(cells.reshape(patch_size**2, 64))


def write_operator(path, function, inputs, seed, labels=None, upstream=None, constants={}, **metadata):
    """Runs `function(**inputs)` in float64 and saves inputs, output, upstream and the gradient of each input.

    Names in `inputs` may hold dots; the function then finds them under underscores. `constants` are saved too.
    """
    doubles = {name: tensor.double().requires_grad_() for name, tensor in inputs.items()}
    out = function(**{name.replace(".", "_"): tensor for name, tensor in doubles.items()})
    if upstream is None:
        upstream = torch.randn(out.shape, generator=generator(seed))
    out.backward(upstream.double())
    tensors = inputs | constants | ({"labels": labels} if labels is not None else {})
    tensors |= {"out": out.float(), "upstream": upstream}
    tensors |= {f"grad.{name}": tensor.grad.float() for name, tensor in doubles.items()}
    write_tensors(path, tensors, **metadata)


def make_differentiable_operators(folder):
    def path(name):
        return folder / f"{name}.safetensors"

    random = generator(300)

    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    x, weight, bias = normal(2, 7, 19), normal(13, 19), normal(13)
    write_operator(path("linear"), linear, dict(x=x, weight=weight, bias=bias), seed=301)
    write_operator(path("linear_nobias"), linear, dict(x=x, weight=weight), seed=302)

    random = generator(310)
    inputs = dict(x=normal(2, 5, 37), weight=normal(37, scale=0.2, mean=1), modulation=normal(2, 6 * 37))
    for name, seed, shift_chunk, scale_chunk in [
            ("modulated_rms_norm", 311, 0, 1), ("modulated_rms_norm_second", 312, 3, 4)]:
        def norm_of(x, weight, modulation):
            return modulated_rms_norm(x, weight, modulation, shift_chunk, scale_chunk)

        write_operator(
            path(name), norm_of, inputs, seed=seed, shift_chunk=shift_chunk, scale_chunk=scale_chunk, epsilon=1e-6)

    random = generator(315)
    write_operator(
        path("modulated_layer_norm"), modulated_layer_norm, dict(x=normal(3, 18, 37), modulation=normal(3, 2 * 37)),
        seed=316)
    random = generator(317)
    write_operator(
        path("modulated_layer_norm_parts"), lambda x, modulation: modulated_layer_norm(x, modulation, 6, 3, 4),
        dict(x=normal(3, 18, 37), modulation=normal(3, 6 * 37)), seed=318)

    random = generator(320)
    write_operator(
        path("gated_residual"), lambda x, y, modulation: gated_residual(x, y, modulation, 2),
        dict(x=normal(2, 5, 37), y=normal(2, 5, 37), modulation=normal(2, 6 * 37)), seed=321, gate_chunk=2)

    for name, seed, batch, heads, head_width, rows, columns in [
            ("rotary_attention", 330, 2, 2, 8, 3, 4), ("rotary_attention_large", 335, 1, 1, 4, 15, 20)]:
        random = generator(seed)
        inputs = dict(
            qkv=normal(batch, rows * columns, 3 * heads * head_width),
            q_norm=normal(head_width, scale=0.3, mean=1), k_norm=normal(head_width, scale=0.3, mean=1))
        write_operator(
            path(name), lambda qkv, q_norm, k_norm: rotary_attention(qkv, q_norm, k_norm, heads, rows, columns),
            inputs, seed=seed + 1, heads=heads, rows=rows, columns=columns, epsilon=1e-6)

    random = generator(340)
    write_operator(
        path("swiglu"), swiglu,
        dict(x=normal(2, 5, 12), w1=normal(21, 12, scale=0.5), w3=normal(21, 12, scale=0.5),
             w2=normal(12, 21, scale=0.5)),
        seed=341)

    write_operator(path("silu"), silu, dict(x=torch.linspace(-20, 20, 150).reshape(3, 50)), seed=351)

    random = generator(360)
    write_operator(
        path("add_silu"), lambda t, x: silu(t[:, None] + x), dict(t=normal(2, 11), x=normal(2, 6, 11)), seed=361)

    random = generator(370)
    labels = torch.tensor([4, 0, 4, 5, 4])
    write_operator(path("embedding"), lambda table: table[labels], dict(table=normal(6, 9)), seed=371, labels=labels)

    random = generator(380)
    write_operator(
        path("mean_squared_error"), lambda a, b: ((a - b) ** 2).mean(),
        dict(a=normal(2, 3, 5, 7), b=normal(2, 3, 5, 7)), seed=381, upstream=torch.tensor(1.7))

    for name, seed, channels, patch_size, field, ratio, blocks in [
            ("neural_field", 390, 3, 4, 5, 2, 2), ("neural_field_grey", 395, 1, 2, 16, 1, 1)]:
        random = generator(seed)
        inputs = {"pixels": normal(6, patch_size**2, channels)}
        inputs |= {f"generated{block}": normal(6, 2 * field * field * ratio) for block in range(blocks)}
        inputs |= {"embedder.weight": normal(field, channels + 64, scale=0.3), "embedder.bias": normal(field)}
        inputs |= {f"norm{block}": normal(field, scale=0.3, mean=1) for block in range(blocks)}
        inputs |= {"final.norm": normal(field, scale=0.3, mean=1), "final.weight": normal(channels, field),
                   "final.bias": normal(channels)}

        def field_of(pixels, embedder_weight, embedder_bias, final_norm, final_weight, final_bias, **per_block):
            generated = [per_block[f"generated{block}"] for block in range(blocks)]
            norms = [per_block[f"norm{block}"] for block in range(blocks)]
            return neural_field(
                pixels, generated, embedder_weight, embedder_bias, norms, final_norm, final_weight, final_bias, ratio)

        write_operator(path(name), field_of, inputs, seed=seed + 1, patch_size=patch_size, channels=channels,
                       field=field, ratio=ratio, blocks=blocks, epsilon=1e-6)


def make_tables(folder):
    """What has no gradient: features, tables and the order of pixels, as the float32 reference has them."""
    t = torch.tensor([0, 1e-3, 0.125, 0.3, 0.5, 0.987, 1])
    write_tensors(folder / "timestep_features.safetensors",
                  {"t": t, "out": timestep_features(t), "out64": double_timestep_features(t)})

    for rows, columns in [(5, 7), (1, 1)]:
        write_tensors(folder / f"rotary_table_{rows}x{columns}.safetensors", {"table": rotary_table(12, rows, columns)},
                      head_width=12, rows=rows, columns=columns)

    for patch_size in [2, 4, 16]:
        table = field_positions(patch_size)
        assert (table - double_field_positions(patch_size)).abs().max() < 1e-5
        write_tensors(folder / f"field_positions_{patch_size}.safetensors", {"table": table}, patch_size=patch_size)

    x = torch.arange(2 * 3 * 8 * 12, dtype=torch.float32).reshape(2, 3, 8, 12)
    patches = torch.nn.functional.unfold(x, kernel_size=4, stride=4).transpose(1, 2)  # [2, 6, 48]
    pixels = patches.reshape(12, 3, 16).transpose(1, 2)  # [12, 16, 3]
    write_tensors(folder / "patchify.safetensors", {"x": x, "patches": patches, "pixels": pixels}, patch_size=4)


def make_adamw(folder, steps=4, learning_rate=1e-2, weight_decay=0.1, ema_decay=0.99):
    """AdamW and a moving average in float64 on one tensor whose length is no multiple of a vector's."""
    random = generator(400)
    inputs = {"param": torch.randn(3, 29, generator=random), "ema": torch.randn(3, 29, generator=random),
              "grads": torch.randn(steps, 3, 29, generator=random)}
    parameter, average = torch.nn.Parameter(inputs["param"].double()), inputs["ema"].double()
    optimizer = torch.optim.AdamW(
        [parameter], lr=learning_rate, betas=(0.9, 0.999), eps=1e-8, weight_decay=weight_decay)
    for gradient in inputs["grads"].double():
        parameter.grad = gradient
        optimizer.step()
        average = ema_decay * average + (1 - ema_decay) * parameter.detach()
    state = optimizer.state[parameter]
    outputs = {"out.param": parameter, "out.ema": average,
               "out.exp_avg": state["exp_avg"], "out.exp_avg_sq": state["exp_avg_sq"]}
    write_tensors(folder / "adamw.safetensors", inputs | {name: tensor.float() for name, tensor in outputs.items()},
                  steps=steps, learning_rate=learning_rate, beta1=0.9, beta2=0.999, epsilon=1e-8,
                  weight_decay=weight_decay, ema_decay=ema_decay)


def philox4x32(counter, key, rounds=10):
    """Philox4x32 (Salmon et al., 2011) on four counter words and two key words."""
    low_word = numpy.uint64(0xFFFFFFFF)
    word = numpy.uint64(32)
    c0, c1, c2, c3 = (numpy.uint64(value) for value in counter)
    k0, k1 = (numpy.uint64(value) for value in key)
    for _ in range(rounds):
        product0 = numpy.uint64(0xD2511F53) * c0
        product1 = numpy.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = ((product1 >> word) ^ c1 ^ k0, product1 & low_word,
                          (product0 >> word) ^ c3 ^ k1, product0 & low_word)
        k0 = (k0 + numpy.uint64(0x9E3779B9)) & low_word
        k1 = (k1 + numpy.uint64(0xBB67AE85)) & low_word
    return [int(value) for value in (c0, c1, c2, c3)]


def make_philox(folder):
    """The known answers of Random123's kat_vectors file for philox4x32 with ten rounds."""
    known = [
        ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        ([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0],
         [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1]),
    ]
    for counter, key, output in known:
        assert philox4x32(counter, key) == output
    write_json(folder / "philox.json",
               [{"counter": counter, "key": key, "output": output} for counter, key, output in known])


def main():
    parser = argparse.ArgumentParser(description="Makes the numeric fixtures of the Swift tests.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    make_models(output / "pixnerd")
    make_differentiable_operators(output / "operators")
    make_tables(output / "operators")
    make_adamw(output / "operators")
    make_philox(output / "operators")
    check_sizes(output)


if __name__ == "__main__":
    main()
