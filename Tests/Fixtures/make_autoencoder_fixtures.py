"""Makes the fixtures of the convolutional operators and of the autoencoder.

    python -m venv .venv && .venv/bin/pip install -r requirements.txt
    .venv/bin/python make_autoencoder_fixtures.py            # rewrites its files beside this one
    .venv/bin/python make_autoencoder_fixtures.py --output /tmp/fixtures

autoencoder/  small AutoencoderKLs of diffusers with random weights, each a directory or a file as people have them, and
              <kind>-reference.safetensors: mean, log-variance and decoded pictures in float32, and for some the loss of
              training (L1 or L2 and the divergence) with the gradients of all parameters; tiles-reference.safetensors:
              latents that the kind `sd` decoded in tiles.
operators/    convolution_*, group_norm*, doubled_to_nearest, spatial_attention*, gaussian_*, mean_absolute_error: as
              `make_fixtures.py` has operators, computed in float64 and stored as float32.
"""
import argparse
import json
from pathlib import Path

import numpy
import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKL
from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

from make_fixtures import generator, write_operator, write_tensors

LARGEST_MODELS = 900_000  # bytes of autoencoder/

# name, batch, channels, height, width, outputs, kernel, stride, padding (top, bottom, left, right), has a bias
CONVOLUTIONS = [
    ("3x3", 2, 5, 9, 7, 6, (3, 3), 1, (1, 1, 1, 1), True),
    ("3x3_batch", 5, 3, 4, 4, 7, (3, 3), 1, (1, 1, 1, 1), True),
    ("1x1", 3, 6, 5, 4, 9, (1, 1), 1, (0, 0, 0, 0), True),
    ("1x1_stride", 2, 4, 7, 8, 3, (1, 1), 2, (0, 0, 0, 0), False),
    ("1x7", 1, 4, 6, 9, 5, (1, 7), 1, (0, 0, 3, 3), False),
    ("7x1", 1, 4, 9, 6, 5, (7, 1), 1, (3, 3, 0, 0), True),
    ("5x5_wide_padding", 1, 2, 4, 3, 3, (5, 5), 1, (4, 3, 2, 5), True),
    ("3x3_downsample", 2, 4, 8, 6, 4, (3, 3), 2, (0, 1, 0, 1), True),
    ("3x3_downsample_odd", 2, 3, 9, 7, 4, (3, 3), 2, (0, 1, 0, 1), True),
    ("3x3_valid_stride", 2, 3, 9, 8, 4, (3, 3), 2, (0, 0, 0, 0), False),
    ("4x4_stride3", 1, 3, 11, 10, 4, (4, 4), 3, (2, 1, 0, 2), True),
]


def make_convolutions(folder):
    for index, (name, batch, channels, height, width, outputs, kernel, stride, padding, biased) in enumerate(
            CONVOLUTIONS):
        random = generator(700 + index)
        inputs = dict(
            x=torch.randn(batch, channels, height, width, generator=random),
            weight=torch.randn(outputs, channels, *kernel, generator=random))
        if biased:
            inputs["bias"] = torch.randn(outputs, generator=random)
        top, bottom, left, right = padding

        def function(x, weight, bias=None):
            return functional.conv2d(functional.pad(x, (left, right, top, bottom)), weight, bias, stride)

        write_operator(
            folder / f"convolution_{name}.safetensors", function, inputs, seed=750 + index, stride=stride,
            padding=" ".join(map(str, padding)))


def spatial_attention(queries, keys, values):
    scores = torch.einsum("bcn,bcm->bnm", queries.flatten(2), keys.flatten(2)) / queries.shape[1] ** 0.5
    return torch.einsum("bnm,bcm->bcn", scores.softmax(-1), values.flatten(2)).reshape(values.shape)


def make_other_operators(folder):
    def normal(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(shape, generator=random)

    for name, seed, with_silu, mean in [("group_norm", 770, False, 0), ("group_norm_silu", 772, True, 0),
                                        ("group_norm_far_from_zero", 774, True, 30)]:
        random = generator(seed)

        def function(x, weight, bias):
            out = functional.group_norm(x, 3, weight, bias, 1e-6)
            return functional.silu(out) if with_silu else out

        write_operator(
            folder / f"{name}.safetensors", function,
            dict(x=normal(2, 12, 5, 7, mean=mean), weight=normal(12, mean=1, scale=0.3), bias=normal(12)),
            seed=seed + 1, groups=3)
    random = generator(780)
    write_operator(
        folder / "doubled_to_nearest.safetensors", lambda x: functional.interpolate(x, scale_factor=2, mode="nearest"),
        dict(x=normal(2, 3, 4, 5)), seed=781)
    for name, seed, shape in [("spatial_attention", 790, (2, 6, 4, 5)), ("spatial_attention_large", 792, (1, 2, 30, 21))]:
        random = generator(seed)
        write_operator(
            folder / f"{name}.safetensors", spatial_attention,
            dict(queries=normal(*shape), keys=normal(*shape), values=normal(*shape)), seed=seed + 1)


def make_gaussians(folder):
    random = generator(800)
    moments = 4 * torch.randn(2, 6, 5, 4, generator=random)
    moments[0, 4, :2] = 25.0  # outside of what counts
    moments[1, 3, 1:3] = -40.0
    noise = torch.randn(2, 3, 5, 4, generator=random)

    def sample(moments):
        mean, log_variance = moments.chunk(2, dim=1)
        return mean + torch.exp(0.5 * log_variance.clamp(-30, 20)) * noise.double()

    def divergence(moments):
        mean, log_variance = moments.chunk(2, dim=1)
        log_variance = log_variance.clamp(-30, 20)
        return 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).sum((1, 2, 3)).mean()

    write_operator(folder / "gaussian_sample.safetensors", sample, dict(moments=moments), seed=801,
                   constants=dict(noise=noise))
    small = moments.clamp(-30, 20) / 4
    write_operator(folder / "gaussian_divergence.safetensors", divergence, dict(moments=small), seed=802,
                   upstream=torch.tensor(1.7))
    random = generator(810)
    a, b = (torch.randn(2, 3, 5, 7, generator=random) for _ in range(2))
    write_operator(folder / "mean_absolute_error.safetensors", lambda a, b: (a - b).abs().mean(), dict(a=a, b=b),
                   seed=811, upstream=torch.tensor(1.7))


# Whole autoencoders

KINDS = {
    "sd": dict(block_out_channels=(8, 12, 12), layers_per_block=1, norm_num_groups=4),
    "sdxl": dict(block_out_channels=(4, 8), layers_per_block=2, norm_num_groups=2, scaling_factor=0.13025),
    "sd3": dict(block_out_channels=(8, 8), layers_per_block=1, norm_num_groups=4, latent_channels=16,
                scaling_factor=1.5305, shift_factor=0.0609, use_quant_conv=False, use_post_quant_conv=False),
    "single-file": dict(block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2),
}
# kind: height, width, loss whose gradients are kept
SIZES = {"sd": (24, 16, "l1"), "sdxl": (10, 14, None), "sd3": (12, 20, None), "single-file": (8, 12, "l2")}


@torch.no_grad()
def random_autoencoder(kind, seed):
    torch.manual_seed(seed)
    levels = len(KINDS[kind]["block_out_channels"])
    model = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                          up_block_types=("UpDecoderBlock2D",) * levels, **KINDS[kind])
    random = generator(seed + 1)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=random)
        parameter.add_((0.2 if "norm" in name else 0.05) * noise)
    return model.eval()


def comp_vis_name(name, levels):
    """The name in CompVis' code of a tensor that diffusers calls `name`."""
    parts = name.split(".")
    if len(parts) > 2 and parts[1] in ("down_blocks", "up_blocks"):
        level = int(parts[2]) if parts[1] == "down_blocks" else levels - 1 - int(parts[2])
        rest = ["block", parts[4]] + parts[5:] if parts[3] == "resnets" else [parts[3][:-2]] + parts[5:]
        parts = [parts[0], parts[1].split("_")[0], str(level)] + rest
    elif len(parts) > 2 and parts[1] == "mid_block":
        if parts[2] == "resnets":
            parts = [parts[0], "mid", f"block_{int(parts[3]) + 1}"] + parts[4:]
        else:
            new = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out": "proj_out"}[parts[4]]
            parts = [parts[0], "mid", "attn_1", new, parts[-1]]
    replaced = {"conv_shortcut": "nin_shortcut", "conv_norm_out": "norm_out"}
    return ".".join(replaced.get(part, part) for part in parts)


def comp_vis_state(model):
    """The state dict as CompVis' code has it: attention as 1 x 1 convolutions."""
    levels = len(model.config.block_out_channels)
    state = {}
    for name, tensor in model.state_dict().items():
        is_projection = ".attentions." in name and ".to_" in name and name.endswith(".weight")
        state[comp_vis_name(name, levels)] = tensor[..., None, None] if is_projection else tensor
    back = convert_ldm_vae_checkpoint(dict(state), dict(model.config))
    expected = model.state_dict()
    assert back.keys() == expected.keys(), back.keys() ^ expected.keys()
    assert all(torch.equal(back[name].reshape(tensor.shape), tensor) for name, tensor in expected.items())
    return state


def old_state(model):
    """The state dict as diffusers had it before version 0.15."""
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}
    state = {}
    for name, tensor in model.state_dict().items():
        for new, previous in old.items():
            name = name.replace(new, previous)
        state[name] = tensor
    return state


def write_configuration(folder, model):
    folder.mkdir(parents=True, exist_ok=True)
    configuration = {key: value for key, value in model.config.items() if not key.startswith("_")}
    configuration = {"_class_name": "AutoencoderKL"} | configuration
    (folder / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def reference(model, height, width, loss, seed):
    random = generator(seed)
    f = 2 ** (len(model.config.block_out_channels) - 1)
    image = torch.rand(2, 3, height, width, generator=random) * 2 - 1
    latent = torch.randn(2, model.config.latent_channels, height // f, width // f, generator=random)
    with torch.no_grad():
        posterior = model.encode(image).latent_dist
        tensors = dict(image=image, mean=posterior.mean, logvar=posterior.logvar, latent=latent,
                       decoded=model.decode(latent).sample)
    if loss is None:
        return tensors, {}
    noise, weight = torch.randn(latent.shape, generator=random), 1e-2
    posterior = model.encode(image).latent_dist
    decoded = model.decode(posterior.mean + posterior.std * noise).sample
    error = decoded - image
    error = error.abs().mean() if loss == "l1" else (error ** 2).mean()
    total = error + weight * posterior.kl().mean() / image[0].numel()
    total.backward()
    tensors |= {"train.noise": noise, "train.loss": total.detach()[None]}
    tensors |= {f"grad.{name}": parameter.grad for name, parameter in model.named_parameters()}
    return tensors, dict(loss=loss, kl_weight=weight)


def tile_weights(length, side, overlap, f):
    """Starts of the tiles along an axis and the weight of each pixel in each: [tiles, f length]."""
    count = int(numpy.ceil((length - overlap) / (side - overlap))) if length > side else 1
    starts = [k * (length - side) // max(count - 1, 1) if count > 1 else 0 for k in range(count)]
    centers = numpy.arange(length * f) + 0.5
    # Of each seam: the latent pixel where the fade begins, in the middle of what the neighbours share.
    fades = [b + (a + side - b - overlap) // 2 for a, b in zip(starts, starts[1:])]
    shares = [numpy.interp(centers, [fade * f, (fade + overlap) * f], [0, 1]) for fade in fades]
    before, after = [numpy.ones(length * f)] + shares, shares + [numpy.zeros(length * f)]
    weights = numpy.stack([a - b for a, b in zip(before, after)])
    assert numpy.allclose(weights.sum(0), 1) and weights.min() >= -1e-12
    return starts, weights


@torch.no_grad()
def decoded_in_tiles(model, latent, side, overlap):
    f = 2 ** (len(model.config.block_out_channels) - 1)
    height, width = latent.shape[2:]
    out = numpy.zeros((latent.shape[0], 3, height * f, width * f))
    for top, rows in zip(*tile_weights(height, side, overlap, f)):
        for left, columns in zip(*tile_weights(width, side, overlap, f)):
            tile = model.decode(latent[:, :, top:top + side, left:left + side]).sample.double().numpy()
            h, w = tile.shape[2:]
            area = slice(top * f, top * f + h), slice(left * f, left * f + w)
            out[:, :, *area] += rows[area[0], None] * columns[None, area[1]] * tile
    return torch.from_numpy(out).float()


def make_tiles(folder):
    """Three tiles down, two across; the fades lie off the middle of some overlaps."""
    model = random_autoencoder("sd", 820)
    latent = torch.randn(1, 4, 17, 9, generator=generator(870))
    tensors = dict(latent=latent, decoded=decoded_in_tiles(model, latent, side=7, overlap=2))
    write_tensors(folder / "tiles-reference.safetensors", tensors, side=7, overlap=2)


def make_autoencoders(folder):
    for index, kind in enumerate(KINDS):
        model = random_autoencoder(kind, 820 + 10 * index)
        if kind == "single-file":
            state = {f"first_stage_model.{name}": tensor for name, tensor in comp_vis_state(model).items()}
            # The rest of a pipeline in the same file.
            state["model.diffusion_model.out.2.weight"] = torch.zeros(2, 2)
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write_tensors(folder / kind / "model.safetensors", state)
            (folder / kind / "config.json").unlink(missing_ok=True)
            write_configuration(folder / kind / "configuration", model)
        elif kind == "sdxl":
            write_configuration(folder / kind, model)
            torch.save(old_state(model), folder / kind / "diffusion_pytorch_model.bin")
        else:
            write_configuration(folder / kind, model)
            write_tensors(folder / kind / "diffusion_pytorch_model.safetensors", model.state_dict())
        tensors, metadata = reference(model, *SIZES[kind], seed=823 + 10 * index)
        write_tensors(folder / f"{kind}-reference.safetensors", tensors, **metadata)
    total = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{total:8d}  {folder}")
    assert total < LARGEST_MODELS


def main():
    parser = argparse.ArgumentParser(description="Makes the fixtures of the autoencoder's Swift tests.")
    parser.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    output = parser.parse_args().output
    torch.set_num_threads(1)
    make_convolutions(output / "operators")
    make_other_operators(output / "operators")
    make_gaussians(output / "operators")
    make_tiles(output / "autoencoder")
    make_autoencoders(output / "autoencoder")


if __name__ == "__main__":
    main()
