"""Times PyTorch on the pieces of work of `pixnerd bench`: one JSON line, with the same keys.

    python Benchmarks/peer.py --work B16-256 --mode train --precision bf16 --compile

`forward`, and an autoencoder's `encode` and `decode`, are without gradients; `train` is forward, backward and fused
AdamW. The autoencoders are those of diffusers. Images a second are from the median of
--repeats steps, after two to warm up.
"""
import argparse
import contextlib
import json
import resource
import statistics
import sys
import time
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "Tests" / "Fixtures"))
from reference import pixnerd_torch as reference  # noqa: E402
from reference import minit2i_torch  # noqa: E402
from reference import pixnerd_t2i_torch as text_reference  # noqa: E402
from reference import temporal_vae_torch  # noqa: E402

WORK = {  # sizes, side of the pictures, batch
    "B16-256": (dict(hidden_size=768, num_groups=12, num_blocks=14, num_cond_blocks=12), 256, 4),
    "XL16-256": (dict(hidden_size=1152, num_groups=16, num_blocks=30, num_cond_blocks=26), 256, 2),
    "small4-32": (dict(hidden_size=256, num_groups=4, num_blocks=8, num_cond_blocks=6, patch_size=4,
                       hidden_size_x=32, num_classes=10), 32, 64),
    "vae-256": (dict(block_out_channels=(128, 256, 512, 512)), 256, 1),
    "vae-small-32": (dict(block_out_channels=(32, 64, 128)), 32, 32),
    "t2i-512": (text_reference.PRESETS["XXL/16"], 512, 2),
    "minit2i-512": (dict(width=768, heads=12, head=64, inner=2048, depth=17, patch=16, bottleneck=128, rows=1024),
                    512, 2),
    "video-256": (dict(block_out_channels=(128, 256, 512, 512)), 256, temporal_vae_torch.PIECE),
}
AUTOENCODERS = ("vae-256", "vae-small-32")
VIDEO = "video-256"


def make_step(arguments):
    """The step that is timed, without arguments."""
    sizes, side, batch = WORK[arguments.work]
    if arguments.work in AUTOENCODERS:
        return make_autoencoder_step(arguments, sizes, side, batch), batch
    if arguments.work == VIDEO:
        return make_video_step(arguments, sizes, side, batch), batch
    if arguments.work == "t2i-512":
        return make_text_step(arguments, sizes, side, batch), batch
    if arguments.work == "minit2i-512":
        return make_minit2i_step(arguments, sizes, side, batch), batch
    model = reference.PixNerd(**sizes)
    run = torch.compile(model) if arguments.compile else model
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    x = torch.randn(batch, 3, side, side)
    y = torch.randint(0, sizes.get("num_classes", 1000), (batch,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)

    def forward():
        with torch.no_grad(), cast:
            run(x, torch.rand(batch), y)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with cast:
            loss = reference.losses(run, x, y, torch.randn(batch).sigmoid(), torch.randn_like(x))["loss"]
        loss.backward()
        optimizer.step()

    return (forward if arguments.mode == "forward" else train), batch


def make_text_step(arguments, sizes, side, batch):
    """A guided pass of the text-to-image model: half of the batch under a prompt, half under the empty one."""
    model = text_reference.PixNerdT2I(**sizes).eval().requires_grad_(False)
    run = torch.compile(model) if arguments.compile else model
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    x = torch.randn(batch // 2, 3, side, side).repeat(2, 1, 1, 1)
    text = torch.randn(batch, sizes["txt_max_length"], sizes["txt_embed_dim"])

    def forward():
        with torch.no_grad(), cast:
            run(x, torch.rand(1).expand(batch), text)

    return forward


def make_minit2i_step(arguments, sizes, side, batch):
    """A guided pass of MiniT2I, with what happens to the text before it meets the image (2 % of the work), which ours
    does once for all steps."""
    model = minit2i_torch.MiniT2I(**sizes).eval().requires_grad_(False)
    run = torch.compile(model) if arguments.compile else model
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    x = torch.randn(batch // 2, 3, side, side).repeat(2, 1, 1, 1)
    text, keep = torch.randn(batch, 256, 1024), torch.ones(batch, 256)

    def forward():
        with torch.no_grad(), cast:
            run(x, text, keep)

    return forward


def make_video_step(arguments, sizes, side, frames):
    """A piece of a film, a few frames at a time through the image autoencoder, as ours and the published code have it."""
    from diffusers import AutoencoderKL

    levels = len(sizes["block_out_channels"])
    pictures = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                             up_block_types=("UpDecoderBlock2D",) * levels, layers_per_block=2, **sizes)

    class Spatial(torch.nn.Module):
        def encode(self, x):
            parts = [pictures.encode(part).latent_dist for part in x.split(4)]
            return torch.cat([part.mean for part in parts]), torch.cat([part.logvar for part in parts])

        def decode(self, z):
            return torch.cat([pictures.decode(part).sample for part in z.split(4)])

    model = temporal_vae_torch.VideoVAE(Spatial(), temporal_vae_torch.TemporalVAE()).eval()
    encode, decode = ((torch.compile(call) if arguments.compile else call) for call in (model.encode, model.decode))
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    film = torch.randn(1, 3, frames, side, side)
    latents = torch.randn(1, 4, 5, side >> (levels - 1), side >> (levels - 1))

    def forward():
        with torch.no_grad(), cast:
            encode(film) if arguments.mode == "encode" else decode(latents, frames)

    return forward


def make_autoencoder_step(arguments, sizes, side, batch):
    from diffusers import AutoencoderKL

    levels = len(sizes["block_out_channels"])
    model = AutoencoderKL(down_block_types=("DownEncoderBlock2D",) * levels,
                          up_block_types=("UpDecoderBlock2D",) * levels, layers_per_block=2, **sizes)
    encode, decode = ((torch.compile(call) if arguments.compile else call) for call in (model.encode, model.decode))
    bf16 = arguments.precision == "bf16"
    cast = torch.autocast("cpu", torch.bfloat16) if bf16 else contextlib.nullcontext()
    pictures = torch.randn(batch, 3, side, side)
    latents = torch.randn(batch, 4, side >> (levels - 1), side >> (levels - 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)

    def forward():
        with torch.no_grad(), cast:
            encode(pictures) if arguments.mode == "encode" else decode(latents)

    def train():
        optimizer.zero_grad(set_to_none=True)
        with cast:
            posterior = encode(pictures).latent_dist
            decoded = decode(posterior.sample()).sample
            loss = (decoded - pictures).abs().mean() + 1e-6 * posterior.kl().mean() / pictures[0].numel()
        loss.backward()
        optimizer.step()

    return train if arguments.mode == "train" else forward


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", choices=WORK, default="B16-256")
    parser.add_argument("--mode", choices=["forward", "train", "encode", "decode"], default="train")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    step, batch = make_step(arguments)
    for _ in range(2):
        step()
    seconds = []
    for _ in range(arguments.repeats):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    print(json.dumps({
        "peer": f"torch {torch.__version__}" + (" compiled" if arguments.compile else " eager"),
        "work": arguments.work, "mode": arguments.mode, "precision": arguments.precision,
        "threads": arguments.threads, "images_per_second": round(batch / median, 3), "seconds": round(median, 4),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2)}))


if __name__ == "__main__":
    main()
