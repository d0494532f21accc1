"""PixArt's one-step student (DMD) at 512 x 512, from stored prompt states to the image: ours beside diffusers.

    python Benchmarks/dmd_peer.py make FOLDER          # random weights at the published sizes, 2.8 GB
    python Benchmarks/dmd_peer.py compare FOLDER [--pairs 4] [--precision bf16] [--program .build/release/pixnerd]

Both read the same directory and the same states of 120 rows. Times exclude loading: ours are the differences between a
process that samples three images and one that samples one, in batches of one; the peer's are those of its second image.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parent.parent
PROMPT, STEP, FACTOR = "a red bicycle", 400, 0.18215


def make(folder):
    from diffusers import AutoencoderKL, DDPMScheduler, PixArtTransformer2DModel

    torch.manual_seed(0)
    transformer = PixArtTransformer2DModel(
        num_attention_heads=16, attention_head_dim=72, in_channels=4, out_channels=8, num_layers=28, sample_size=64,
        patch_size=2, caption_channels=4096, cross_attention_dim=1152, use_additional_conditions=False)
    vae = AutoencoderKL(
        block_out_channels=(128, 256, 512, 512), layers_per_block=2, latent_channels=4, scaling_factor=FACTOR,
        down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
    transformer.save_pretrained(folder / "transformer")
    vae.save_pretrained(folder / "vae")
    DDPMScheduler(beta_schedule="linear", beta_start=1e-4, beta_end=0.02).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({
        "_class_name": "PixArtAlphaPipeline", "_diffusers_version": "0.42.1",
        "scheduler": ["diffusers", "DDPMScheduler"], "transformer": ["diffusers", "PixArtTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"]}))
    rows = folder / "rows"
    rows.mkdir(exist_ok=True)
    # The second is the file of an empty prompt, which `pixnerd sample` asks for.
    for name in ("a-red-bicycle", "prompt-2c0a8a99"):
        states = np.random.default_rng(1).standard_normal((1, 120, 4096)).astype(np.float16) * 0.1
        np.savez(rows / f"{name}.npz", caption_feature=states, attention_mask=np.ones((1, 120), np.int16))
    (rows / "prompts.json").write_text(json.dumps({
        "cleaning": "published", "empty_prompt": "sees-nothing", "length": 120,
        "encoder": {"path": "none", "tokenizer": "0" * 32, "weights": "0" * 32, "width": 4096}}))


def peer(folder, precision, is_compiled, repeats):
    """Prints seconds of the denoiser, of the decoder, and the peak of memory."""
    from diffusers import AutoencoderKL, PixArtTransformer2DModel

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    transformer = PixArtTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=dtype).eval()
    vae = AutoencoderKL.from_pretrained(folder / "vae", torch_dtype=dtype).eval()
    denoise = torch.compile(transformer) if is_compiled else transformer
    decode = torch.compile(vae.decode) if is_compiled else vae.decode
    states = np.load(folder / "rows" / "a-red-bicycle.npz")
    rows = torch.tensor(states["caption_feature"].astype(np.float32)).to(dtype)
    mask = torch.tensor(states["attention_mask"].astype(np.float32))
    betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
    alpha = (1 - betas).cumprod(0)[STEP].float()
    times = []
    with torch.no_grad():
        for _ in range(repeats + 1):
            noise = torch.randn(1, 4, 64, 64).to(dtype)
            start = time.perf_counter()
            predicted = denoise(
                noise, encoder_hidden_states=rows, encoder_attention_mask=mask, timestep=torch.tensor([STEP]),
                added_cond_kwargs={"resolution": None, "aspect_ratio": None}).sample[:, :4].float()
            clean = (noise.float() - (1 - alpha).sqrt() * predicted) / alpha.sqrt()
            middle = time.perf_counter()
            decode((clean / FACTOR).to(dtype))
            times.append((middle - start, time.perf_counter() - middle))
    print(json.dumps({
        "denoise": statistics.median(a for a, _ in times[1:]), "decode": statistics.median(b for _, b in times[1:]),
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6}))


def ours(folder, precision, program, count):
    """Seconds of a whole process that samples images one by one, and its peak of memory in GB."""
    out = folder / "out"
    command = ["/usr/bin/env", "-u", "OPENBLAS_CORETYPE", str(program), "sample", str(folder), "--text-encoder",
               str(folder / "rows"), "--prompt", PROMPT, "--seeds", ",".join(map(str, range(count))), "--steps", "1",
               "--batch", "1", "--precision", precision, "--out", f"{out}/", "--overwrite"]
    before = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read()
    _, status, used = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"pixnerd failed: {errors.decode()}")
    return time.perf_counter() - before, used.ru_maxrss / 1e6


def compare(folder, arguments):
    ratios = []
    for _ in range(arguments.pairs):
        one, peak = ours(folder, arguments.precision, arguments.program, 1)
        three, _ = ours(folder, arguments.precision, arguments.program, 3)
        own = (three - one) / 2
        command = [sys.executable, __file__, "peer", str(folder), "--precision", arguments.precision]
        theirs = json.loads(subprocess.run(
            command + (["--compile"] if arguments.compile else []), capture_output=True, text=True,
            check=True).stdout.splitlines()[-1])
        whole = theirs["denoise"] + theirs["decode"]
        ratios.append(whole / own)
        print(f"ours {own:.2f} s an image ({one:.2f} s the process of one, {peak:.2f} GB), diffusers {whole:.2f} s "
              f"({theirs['denoise']:.2f} + {theirs['decode']:.2f}, {theirs['peak_gb']:.2f} GB): {ratios[-1]:.2f} times",
              flush=True)
    print(f"median {statistics.median(ratios):.2f} times")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["make", "compare", "peer"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--program", type=Path, default=ROOT / ".build" / "release" / "pixnerd")
    arguments = parser.parse_args()
    if arguments.action == "make":
        make(arguments.folder)
    elif arguments.action == "peer":
        peer(arguments.folder, arguments.precision, arguments.compile, repeats=3)
    else:
        compare(arguments.folder, arguments)


if __name__ == "__main__":
    main()
