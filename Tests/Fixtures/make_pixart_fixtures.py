"""Makes the fixtures of PixArt; see make_fixtures.py for how to run it.

pixart/    alpha-1024-ms/ is a directory of diffusers with the old name of the class and no word of positions and sizes;
           sigma-256.pth and sigma-kvcompress-qknorm.pth are files as published, with raw and averaged weights. Beside
           them `x`, `step` (or `fraction`), `caption`, `keep` and `output`; `samples` and `training` are of sigma-256.

Computed by reference/pixart_torch.py and pixart_diffusion.py, which agree with the published code to 1e-6.
operators/ cross_attention: queries [B, N, D], texts [R, 2 D], `labels` the text of each image, `lengths` of the texts.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from make_fixtures import generator, write_operator, write_tensors
from reference import pixart_diffusion as diffusion
from reference import pixart_torch as pixart

SHAPE = dict(width=24, heads=2, depth=3, caption_width=16, tokens=14)
CONFIG = {
    "_class_name": "Transformer2DModel", "_diffusers_version": "0.22.0.dev0", "activation_fn": "gelu-approximate",
    "attention_bias": True, "attention_head_dim": 12, "caption_channels": 16, "cross_attention_dim": 24,
    "in_channels": 4, "norm_elementwise_affine": False, "norm_eps": 1e-06, "norm_type": "ada_norm_single",
    "num_attention_heads": 2, "num_embeds_ada_norm": 1000, "num_layers": 3, "out_channels": 8, "patch_size": 2,
    "sample_size": 128}


def randomised(model, random):
    """Every tensor at a size at which it matters."""
    with torch.no_grad():
        for name, p in list(model.named_parameters()) + list(model.named_buffers()):
            draw = torch.randn(p.shape, generator=random)
            if "table" in name or "y_embedding" in name:
                p.copy_(0.5 * draw)
            elif p.dim() >= 2:
                p.copy_(draw / p[0].numel() ** 0.5)
            else:
                p.copy_(("norm" in name and name.endswith("weight")) + 0.1 * draw)
    return model.eval()


def calmed(model, random):
    """The last layer fitted to give about sigma x, so that samples do not explode."""
    rows, wanted = [], []
    with torch.no_grad():
        model.x_embedder.proj.weight.mul_(3)
        for block in model.blocks:
            for part, factor in ((block.cross_attn.proj, 0.1), (block.attn.proj, 0.3), (block.mlp.fc2, 0.3)):
                part.weight.mul_(factor)
        hook = model.final_layer.linear.register_forward_pre_hook(lambda _, x: rows.append(x[0].flatten(0, 1)))
        for step in range(9, 1000, 30):
            x = torch.randn(2, 4, 16, 16, generator=random)
            caption = torch.randn(2, SHAPE["tokens"], SHAPE["caption_width"], generator=random)
            model(x, torch.full((2,), float(step)), caption)
            sigma = (1 - diffusion.kept_signal()[step]).sqrt().float()
            noise = (sigma * x).unflatten(2, (8, 2)).unflatten(4, (8, 2)).permute(0, 2, 4, 3, 5, 1)
            variance = 0.3 * torch.randn(noise.shape, generator=random)
            wanted.append(torch.cat([noise, variance], -1).flatten(3).flatten(0, 2))
        hook.remove()
        rows = torch.cat(rows)
        ones = torch.cat([rows, torch.ones(len(rows), 1)], 1)
        fitted = torch.linalg.lstsq(ones.double(), torch.cat(wanted).double()).solution.float()
        model.final_layer.linear.weight.copy_(fitted[:-1].T)
        model.final_layer.linear.bias.copy_(fitted[-1])
    return model


def mask(lengths, size=SHAPE["tokens"]):
    return torch.tensor([[1] * n + [0] * (size - n) for n in lengths])


@torch.no_grad()
def make_forwards(folder, random):
    alpha = randomised(pixart.PixArt(**SHAPE, positions=(64, 2.0), sizes=True), random)
    directory = folder / "alpha-1024-ms"
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: t.contiguous() for name, t in pixart.to_diffusers(alpha.state_dict()).items()}
    save_file(tensors, directory / "diffusion_pytorch_model.safetensors")
    (directory / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    sigma = calmed(randomised(pixart.PixArt(**SHAPE, positions=(16, 0.5)), random), random)
    average = {k: v + 0.02 * torch.randn(v.shape, generator=random) for k, v in sigma.state_dict().items()}
    table = pixart.positions(24, 16, 16, 16, 0.5)
    torch.save({"state_dict": dict(sigma.state_dict(), pos_embed=table),
                "state_dict_ema": dict(average, pos_embed=table), "epoch": 3}, folder / "sigma-256.pth")
    squares = randomised(pixart.PixArt(
        **SHAPE, positions=(16, 0.5), compress=2, compressed_blocks=(1, 2), normalised=True), random)
    torch.save({"state_dict": dict(squares.state_dict(), pos_embed=table)}, folder / "sigma-kvcompress-qknorm.pth")
    for label, (rows, columns) in {"square": (16, 16), "wide": (12, 20)}.items():
        x, step = torch.randn(2, 4, rows, columns, generator=random), torch.tensor([7, 640])
        caption, keep = torch.randn(2, 14, 16, generator=random), mask([11, 4])
        size = torch.tensor([[8.0 * rows, 8.0 * columns], [1024.0, 768.0]])
        ratio = torch.tensor([rows / columns, 4 / 3])
        fraction = torch.tensor([949.05, 0.0])
        common = dict(x=x, step=step, caption=caption, keep=keep)
        write_tensors(folder / f"alpha-1024-ms_{label}.safetensors", common | dict(
            size=size, ratio=ratio, output=alpha(x, step.float(), caption, keep, size, ratio)))
        write_tensors(folder / f"sigma-256_{label}.safetensors", common | dict(
            output=sigma(x, step.float(), caption, keep), fraction=fraction,
            output_fraction=sigma(x, fraction, caption, keep),
            output_ema=torch.func.functional_call(sigma, average, (x, step.float(), caption, keep))))
    write_tensors(folder / "sigma-kvcompress-qknorm.safetensors",
                  common | dict(output=squares(x, step.float(), caption, keep)))
    return sigma


@torch.no_grad()
def make_samples(folder, random, model):
    noise, caption = torch.randn(2, 4, 16, 12, generator=random), torch.randn(2, 14, 16, generator=random)
    empty, keep, keep_empty = torch.randn(1, 14, 16, generator=random).expand(2, -1, -1), mask([5, 14]), mask([1, 1])
    null = model.y_embedder.y_embedding[None].expand(2, -1, -1)
    tensors = dict(noise=noise, caption=caption, keep=keep, empty=empty, keep_empty=keep_empty)
    for steps, guidance in ((20, 4.5), (6, 2.0)):
        tensors[f"diffusers_{steps}"] = diffusion.sample(
            model, noise, caption, keep, empty, keep_empty, steps, guidance)
        for grid in ("alpha", "sigma"):
            tensors[f"{grid}_script_{steps}"] = diffusion.sample(
                model, noise, caption, keep, null, keep, steps, guidance, grid=grid)
    tensors["one_step"] = diffusion.sample_one_step(model, noise, caption, keep)
    write_tensors(folder / "samples.safetensors", tensors)


def make_training(folder, random, model):
    """AdamW and the clipping of PixArt's configurations: terms of the loss, first gradients, weights after 3 steps."""
    steps, batch = 3, 3
    x, noise = torch.randn(2, steps, batch, 4, 16, 16, generator=random)
    step = torch.randint(0, 1000, (steps, batch), generator=random)
    step[0, 0] = 0
    caption, keep = torch.randn(steps, batch, 14, 16, generator=random), mask([6, 14, 2])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.03, eps=1e-10)
    tensors, rows = dict(x=x, noise=noise, step=step, caption=caption, keep=keep), []
    for i in range(steps):
        terms = diffusion.losses(model, x[i], step[i], noise[i], caption[i], keep)
        optimizer.zero_grad()
        terms["loss"].mean().backward()
        if i == 0:
            tensors |= {f"gradient.{k}": p.grad.clone() for k, p in model.named_parameters()
                        if "blocks.0" in k or "_embedder" in k or "t_block" in k}
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        optimizer.step()
        rows.append(torch.stack([terms["error"].mean(), terms["bound"].mean(), terms["loss"].mean(), norm]).detach())
    tensors["error_bound_loss_norm"] = torch.stack(rows)
    tensors |= {f"after.{k}": p.detach() for k, p in model.named_parameters() if "blocks.0" in k or "final" in k}
    write_tensors(folder / "training.safetensors", tensors)


def make_cross_attention(folder):
    """Four images of which two share a text, and one text that no image has; then enough tokens for several tiles."""
    for name, seed, heads, width, tokens, lengths, of_image in [
            ("cross_attention", 810, 2, 6, 7, [5, 1, 9, 3], [2, 0, 2, 1]), ("cross_attention_large", 820, 1, 4, 600, [70], [0])]:
        random = generator(seed)
        starts = [sum(lengths[:i]) for i in range(len(lengths))]

        def attend(queries, texts):
            outs = []
            for image, text in enumerate(of_image):
                keys, values = texts[starts[text]:starts[text] + lengths[text]].chunk(2, dim=-1)
                q, k, v = (t.unflatten(-1, (heads, width)).transpose(0, 1) for t in (queries[image], keys, values))
                outs.append(((q @ k.mT / width**0.5).softmax(-1) @ v).transpose(0, 1).flatten(1))
            return torch.stack(outs)

        write_operator(
            folder / f"{name}.safetensors", attend,
            dict(queries=torch.randn(len(of_image), tokens, heads * width, generator=random),
                 texts=torch.randn(sum(lengths), 2 * heads * width, generator=random)),
            seed=seed + 1, labels=torch.tensor(of_image), constants=dict(lengths=torch.tensor(lengths)), heads=heads)


def main(output):
    torch.set_num_threads(1)
    random = generator(800)
    folder = output / "pixart"
    folder.mkdir(parents=True, exist_ok=True)
    model = make_forwards(folder, random)
    make_samples(folder, random, model)
    make_training(folder, random, model)
    make_cross_attention(output / "operators")


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--output", type=Path, default=Path(__file__).resolve().parent)
    main(arguments.parse_args().output)
