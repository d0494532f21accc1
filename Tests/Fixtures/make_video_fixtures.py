"""Makes the fixtures of the video autoencoder and of its operators; see make_autoencoder_fixtures.py for how to run it.

video/     A small video autoencoder of random weights in the layout of OpenSora-VAE-v1.2: config.json, model.safetensors and
           spatial/config.json. frames-<T>.safetensors: a clip with its latents and what they decode to, as `pixnerd verify`
           reads them; training.safetensors: latents of frames `x` with noise, the losses of training the temporal part (L1 or
           L2, and the divergence), and the gradients of all its parameters with L1.
operators/ causal_convolution_*, group_norm_frames: as make_fixtures.py has operators, with clips as frames one after another.

Computed by reference/temporal_vae_torch.py, which agrees with the published code to 2e-6.
"""
import argparse
import json
from pathlib import Path

import torch
import torch.nn.functional as functional
from diffusers import AutoencoderKL

from make_fixtures import generator, write_operator, write_tensors
from reference import temporal_vae_torch as video

SIZES = dict(filters=4, blocks=1, groups=2)
SPATIAL = dict(block_out_channels=(4, 8), layers_per_block=1, norm_num_groups=2, scaling_factor=0.13025)
KL_WEIGHT = 1e-3


def to_frames(x):
    """[B, C, T, ...] -> [B T, C, ...]"""
    return x.transpose(1, 2).flatten(0, 1)


def to_clips(x, frames):
    return x.unflatten(0, (-1, frames)).transpose(1, 2)


# name, clips, frames, channels, outputs, height, width, kernel, step in time, doubles time, has a bias
CONVOLUTIONS = [
    ("plain", 2, 5, 3, 4, 6, 5, 3, 1, False, False),
    ("bias", 1, 4, 4, 3, 5, 7, 3, 1, False, True),
    ("halving", 2, 6, 3, 3, 5, 4, 3, 2, False, True),
    ("doubling", 2, 3, 3, 6, 4, 5, 3, 1, True, True),
    ("winograd", 2, 4, 6, 8, 9, 10, 3, 1, False, True),
    ("winograd_halving", 1, 8, 6, 6, 9, 10, 3, 2, False, True),
    ("winograd_doubling", 1, 5, 8, 8, 9, 10, 3, 1, True, True),
]


def make_convolutions(folder):
    for index, (name, clips, frames, channels, outputs, height, width, kernel, stride, doubles, biased) in enumerate(
            CONVOLUTIONS):
        random = generator(1900 + index)
        inputs = dict(
            x=torch.randn(clips * frames, channels, height, width, generator=random),
            weight=torch.randn(outputs, channels, kernel, kernel, kernel, generator=random))
        if biased:
            inputs["bias"] = torch.randn(outputs, generator=random)
        side = kernel // 2

        def function(x, weight, bias=None):
            padded = functional.pad(to_clips(x, frames), (side, side, side, side, kernel - stride, 0))
            out = functional.conv3d(padded, weight, bias, (stride, 1, 1))
            if doubles:
                out = out.unflatten(1, (-1, 2)).permute(0, 1, 3, 2, 4, 5).flatten(2, 3)
            return to_frames(out)

        write_operator(
            folder / f"causal_convolution_{name}.safetensors", function, inputs, seed=1950 + index, frames=frames,
            time_stride=stride, doubles=int(doubles))


def make_norm(folder):
    random = generator(1990)

    def function(x, weight, bias):
        return to_frames(functional.silu(functional.group_norm(to_clips(x, 4), 3, weight, bias, 1e-5)))

    write_operator(
        folder / "group_norm_frames.safetensors", function,
        dict(x=torch.randn(8, 6, 5, 3, generator=random) + 2, weight=1 + 0.3 * torch.randn(6, generator=random),
             bias=torch.randn(6, generator=random)), seed=1991)


@torch.no_grad()
def randomised(model, seed):
    random = generator(seed)
    for name, p in model.named_parameters():
        draw = torch.randn(p.shape, generator=random)
        p.copy_(draw / p[0].numel() ** 0.5 if p.dim() >= 2 else ("norm" in name and name.endswith("weight")) + 0.1 * draw)
    return model.eval()


class Spatial(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(2000)
        levels = len(SPATIAL["block_out_channels"])
        self.module = randomised(AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * levels, up_block_types=("UpDecoderBlock2D",) * levels, **SPATIAL),
            2001)

    def encode(self, x):
        distribution = self.module.encode(x).latent_dist
        return distribution.mean, distribution.logvar

    def decode(self, z):
        return self.module.decode(z).sample


def write_model(folder, spatial, temporal, model):
    (folder / "spatial").mkdir(parents=True, exist_ok=True)
    settings = {"_class_name": "AutoencoderKL"} | {k: v for k, v in spatial.module.config.items() if k[0] != "_"}
    (folder / "spatial" / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    (folder / "config.json").write_text(json.dumps({
        "model_type": "VideoAutoencoderPipeline", "micro_frame_size": video.PIECE, "shift": list(video.SHIFT),
        "scale": list(video.SCALE),
        "vae_temporal": {"type": "VAE_Temporal", "filters": SIZES["filters"], "num_res_blocks": SIZES["blocks"],
                         "num_groups": SIZES["groups"]}}, indent=2) + "\n")
    tensors = {f"spatial_vae.module.{k}": v for k, v in spatial.module.state_dict().items()}
    tensors |= {f"temporal_vae.{k}": v for k, v in temporal.state_dict().items()}
    write_tensors(folder / "model.safetensors", tensors | {"shift": model.shift, "scale": model.scale})


@torch.no_grad()
def write_reference(path, model, frames, seed):
    random = generator(seed)
    coarse = torch.rand(1, 3, (frames + 3) // 4 + 1, 4, 6, generator=random) * 2 - 1
    clip = functional.interpolate(coarse, (frames, 8, 12), mode="trilinear")
    latents = model.encode(clip)
    noises = (torch.randn(1, 4, frames, 4, 6, generator=random), torch.randn(latents.shape, generator=random))
    write_tensors(path, dict(
        video=clip, latent_of_means=latents, noise_spatial=noises[0], noise_temporal=noises[1],
        latent_drawn=model.encode(clip, *noises), decoded=model.decode(latents, frames)))


def write_training(path, temporal):
    random = generator(2050)
    x = torch.randn(2, 4, 6, 4, 5, generator=random)
    noise = torch.randn(2, 4, 2, 4, 5, generator=random)
    tensors = dict(x=to_frames(x), noise=to_frames(noise))
    for kind, error in [("l1", torch.abs), ("l2", torch.square)]:
        temporal.zero_grad()
        mean, log_variance = temporal.encode(x)
        back = temporal.decode(mean + (0.5 * log_variance).exp() * noise, x.shape[2])
        reconstruction = error(back - x).mean((1, 2, 3, 4))
        divergence = 0.5 * (mean ** 2 + log_variance.exp() - 1 - log_variance).sum((1, 2, 3, 4)).mean()
        loss = reconstruction.mean() + KL_WEIGHT * divergence / x[0].numel()
        loss.backward()
        tensors |= {f"{kind}.loss": loss.detach(), f"{kind}.reconstruction": reconstruction.detach(),
                    f"{kind}.divergence": divergence.detach()}
        if kind == "l1":
            tensors |= {f"grad.{name}": p.grad.clone() for name, p in temporal.named_parameters()}
    write_tensors(path, tensors, kl_weight=KL_WEIGHT)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    folder = parser.parse_args().output
    (folder / "operators").mkdir(parents=True, exist_ok=True)
    make_convolutions(folder / "operators")
    make_norm(folder / "operators")
    spatial, temporal = Spatial(), randomised(video.TemporalVAE(**SIZES), 2002)
    model = video.VideoVAE(spatial, temporal).eval()
    write_model(folder / "video", spatial, temporal, model)
    for frames in (1, 17, 21):
        write_reference(folder / "video" / f"frames-{frames}.safetensors", model, frames, 2010 + frames)
    write_training(folder / "video" / "training.safetensors", temporal)


if __name__ == "__main__":
    main()
